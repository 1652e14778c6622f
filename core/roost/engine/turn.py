"""One turn: a waiting trigger becomes a tick, its commit, its release. The hottest path of Roost.

Order is everything here (rule 4): durable write first, then memory, then the world.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from ..author.action import Retry, describe
from ..author.agent import succeed
from ..author.equality import difference
from ..contract.commit import AlreadyHandled, Commit, DeadLetter, Gone, Handled, Letter, Schedule
from ..contract.encoding import checked, unwritable
from ..contract.errors import AgentError, Conflict, LimitExceeded, RoostError, TransientError, Unknown, Unreadable
from ..contract.result import TickResult, failed, hidden, outcome_of, problem_bytes, stored
from ..contract.trigger import CALLERS, Disconnect, Occurrence, Trigger
from ..tick.around import wrapped
from ..tick.overrun import Overrun, from_outside, within
from ..tick.perform import NO_ZONE, perform
from ..tick.tick import Stamp, Tick
from .blame import cause
from .inbox import other_arguments
from .outcome import happened
from .release import breathe, carried_out, live, release, streams, void
from .trouble import note
from .viewing import made

if TYPE_CHECKING:
    from ..author.agent import Agent
    from ..author.kind import Kind
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting

KEEP_CLIENT: Final = 24 * 3600.0
"""Seconds a caller's key is remembered."""
SPREAD: Final = 3.0
"""Seconds over which the next attempts of runs that waited for one another are spread, at least."""
KEEP_AGENT: Final = 7 * 24 * 3600.0
"""Seconds an envelope's id is remembered: longer than any redelivery goes on."""


async def turn(cell: Cell, waiting: Waiting, image: Image) -> None:
    """Run one trigger to its end. Raises nothing but cancellation: errors become results."""
    runtime, trigger = cell.runtime, waiting.trigger
    host, limits = runtime.host, runtime.limits
    at = host.now()
    if at < image.at:
        at = image.at
    attempt = waiting.letter.attempts + 1 if waiting.letter is not None else 1
    tick = Tick(cell.kind, image, trigger, Stamp(at, host.entropy()), limits, runtime.store, attempt=attempt)
    seconds = limits.max_tick
    if waiting.action is not None and waiting.action.options.timeout is not None:
        seconds = min(seconds, waiting.action.options.timeout)
    started = host.monotonic()
    if trigger.deadline is not None:
        seconds = max(0.0, min(seconds, trigger.deadline - started))
    tick.deadline = started + seconds
    error: RoostError | None = None
    value: Any = b"null"
    commit: Commit | None = None
    shown: bytes | None = None
    try:
        agent = await _lend(cell, image)
        agent._tick = tick  # pyright: ignore[reportPrivateUsage]
        tick.live = partial(live, cell, tick, waiting)
        handle = partial(wrapped, runtime.around) if runtime.around else perform
        blocked = partial(blocking, cell, trigger)
        value = await within(host, seconds, handle(agent, tick, waiting, partial(breathe, cell)), blocked)
        tick.open = False
        used = agent.state
        state, shown = changed(cell, agent, tick)
        cell.agent, cell.lent = succeed(agent), used if state is None else None
        if state is not None or tick.touched or trigger.id is not None or waiting.letter is not None:
            commit = tick.commit(state)
    except RoostError as problem:
        error = problem
    except Overrun as overrun:
        error = overran(cell, trigger, seconds, overrun)
    except BaseException as problem:  # only a return commits
        if from_outside(host, problem):
            cell.agent = None
            raise
        error = hide(cell, trigger, problem)
    finally:
        tick.open = False
        tick.live = None  # it holds the tick: without the cycle all that a tick made is free when it ends

    if host.cancelled():
        await host.uncancel()
    if error is not None:
        cell.agent = None  # its state may hold what did not commit
        tick.discard()
        void(cell, tick, waiting)
        if isinstance(error, AgentError) and error.id is None:
            error.id = f"{host.entropy():016x}"
            runtime.log.error("%s %s failed [%s]: %s", cell.address, trigger.kind, error.id, error.message)
        note(cell, trigger.what, error)
        if error.code == NO_ZONE and _first(trigger, image):
            runtime.log.error("%s: %s", cell.address, error.message)
        cell.metrics.failed(error, at)
        commit = _failure(cell.kind, waiting, tick, error, max(at, host.now()))
    elif commit is not None:
        if waiting.letter is not None:
            commit.consumed = waiting.letter.n
        if trigger.id is not None and _keyed(waiting):
            commit.handled = _handled(waiting, tick, "value", value if isinstance(value, bytes) else b"null")

    result: TickResult | None = None
    if commit is not None:
        if cell.leases is not None:
            cell.seal(tick, waiting, commit, error, value)
        image.plan(commit, cell.parking.promised())
        answer = await _store(cell, waiting, commit)
        if commit.consumed is not None:
            cell.parking.consumed(
                commit.consumed
            )  # whatever is known of it: if it waits after all, the next load finds it
        if isinstance(answer, TickResult):
            if answer.error is None and tick.chunks and streams(waiting):
                answer = failed(carried_out())
            if answer.error is not None:
                note(cell, trigger.what, answer.error)
            result, commit = answer, None
            tick.discard()
            void(cell, tick, waiting)
        else:
            image.apply(commit)
            if cell.kind.own_view:  # made of more than the state: any commit may change it
                image.view = shown if error is None else None
    if result is None:
        if error is not None:
            result = TickResult(outcome_of(error), error=error, version=image.version)
        elif isinstance(value, bytes):
            result = TickResult("value", value, version=image.version)
        else:
            result = TickResult("value", version=image.version, response=value)
    result.next_wake = image.due
    result.duration = host.monotonic() - started
    cell.metrics.count(trigger.kind, result.outcome, result.duration)
    await release(cell, tick, waiting, commit, result)


def changed(cell: Cell, agent: Agent[Any, Any], tick: Tick) -> tuple[bytes | None, bytes | None]:
    """The state's bytes if they differ from the committed ones, and their view where the author makes it.

    AgentError names a field that can't be stored, or says that the view fails: what can't be shown is not stored. The
    agent goes on with what those bytes mean, so that hibernating now or later makes no difference.
    """
    kind, image, limits, state = cell.kind, tick.image, tick.limits, agent.state
    if not isinstance(state, kind.state_type):
        raise AgentError(
            f"self.state is {type(state).__name__}, not {kind.state_type.__name__}; change its fields, or set it "
            f"to a {kind.state_type.__name__}",
            code="bad-state",
        )
    raw, typed = _written(kind, state)
    if raw == image.state:
        if kind.stateful:  # other values may have these bytes: what a serializer rounds off, what a subclass adds
            agent.state = kind.validate(raw)
        return None, None
    checked(raw, "the state")
    try:
        again = kind.validate(raw)
    except ValidationError as error:
        raise AgentError(f"the state can't be stored: {describe(error)}", code="bad-state") from error
    if _differ(state, again) and (field := difference(state, again)) is not None:
        raise AgentError(
            f"the state can't be stored: {field} would not be read back as it is; give it a value of its declared "
            "type, one that pydantic reads as it writes it",
            code="bad-state",
        )
    agent.state = again
    if not typed:  # its bytes are others than those of what they mean, which the next tick would take for a change
        raw = kind.to_bytes(again, warnings=False)
        if raw == image.state:
            return None, None
    if kind.unordered and _reordered(kind, again, image):
        return None, None
    shown: bytes | None = None
    if kind.own_view:
        shown = made(cell.runtime, kind, image.address, tick.at, tick.rows_after(), raw, kind.state_version)
    if len(raw) > limits.state:
        raise LimitExceeded(f"the state has {len(raw)} bytes; the limit is {limits.state}", limit="state")
    size = len(raw if shown is None else shown)
    if size > limits.view:
        raise LimitExceeded(
            f"the view of the state has {size} bytes; the limit is {limits.view}: it must fit one frame. "
            "Override view() to show clients less",
            limit="view",
        )
    return raw, shown


def _written(kind: Kind, state: Any) -> tuple[bytes, bool]:
    """The state's bytes, and whether every value is of its declared type. AgentError: it can't be written."""
    try:
        return kind.to_bytes(state, warnings="error"), True
    except (PydanticSerializationError, ValueError, RecursionError):
        pass
    try:
        return kind.to_bytes(state, warnings=False), False
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise unwritable(error, "the state", "bad-state") from error


async def _lend(cell: Cell, image: Image) -> Agent[Any, Any]:
    """The author's object for one tick, its state as committed."""
    agent, used, cell.lent = cell.agent, cell.lent, None
    if agent is None:
        return await cell.build(image)
    if used is not None and not _as_committed(cell.kind, used, image):
        cell.runtime.log.warning(
            "late-write: the state of %s was changed after a tick had ended, by what that tick left behind; the change "
            "is dropped. Await what an action starts before it returns",
            cell.address,
        )
    return agent


def _as_committed(kind: Kind, state: Any, image: Image) -> bool:
    try:
        if kind.to_bytes(state, warnings=False) == image.state:
            return True
        return kind.unordered and _reordered(kind, state, image)
    except Exception:  # what was put in can't even be written
        return False


def _differ(one: Any, other: Any) -> bool:
    """Whether two models may differ: their fields are compared at once, without pydantic's own detours."""
    return (
        type(one) is not type(other)
        or one.__dict__ != other.__dict__
        or one.__pydantic_extra__ != other.__pydantic_extra__
    )


def _reordered(kind: Kind, state: Any, image: Image) -> bool:
    """Whether the state is the committed one: the elements of a set are written in another order by each process."""
    if image.state is None or image.state_version != kind.state_version:
        return False
    return bool(kind.validate(image.state) == state)


def hide(cell: Cell, trigger: Trigger, problem: BaseException) -> AgentError:
    """An author's exception: the log gets it all, callers an id."""
    id = f"{cell.runtime.host.entropy():016x}"
    cell.runtime.log.error("%s %s failed [%s]", cell.address, trigger.what, id, exc_info=problem)
    error = hidden(problem, id)
    error.cause = cause(problem, cell.kind.cls.__module__)
    return error


def overran(cell: Cell, trigger: Trigger, seconds: float, overrun: Overrun) -> TransientError:
    """The error of a run past its deadline, whatever its handler made of it."""
    if overrun.abandoned:
        cell.runtime.log.error(
            "%s %s went on after its deadline, although it was cancelled; it was abandoned", cell.address, trigger.what
        )
    return TransientError(
        f"the tick was cancelled after {seconds:.3g} s and nothing was stored; do long work in steps", code="deadline"
    )


def blocking(cell: Cell, trigger: Trigger, seconds: float) -> None:
    """A handler kept everybody waiting."""
    cell.runtime.log.warning(
        "%s %s blocked the host for %.2f s: nothing else ran. Await instead, or move the work to a thread",
        cell.address, trigger.what, seconds,
    )  # fmt: skip


def _first(trigger: Trigger, image: Image) -> bool:
    """An occurrence has not been tried before."""
    payload = trigger.payload
    return isinstance(payload, Occurrence) and image.schedules[payload.key].next is None


def _keyed(waiting: Waiting) -> bool:
    return waiting.trigger.source in CALLERS and (waiting.letter is None or waiting.letter.keyed)


def _handled(waiting: Waiting, tick: Tick, outcome: Any, value: bytes) -> Handled:
    trigger = waiting.trigger
    assert trigger.id is not None
    keep = KEEP_AGENT if trigger.source == "agent" else KEEP_CLIENT
    return Handled(trigger.source, trigger.principal, trigger.id, waiting.fingerprint, outcome, value, tick.at + keep)


def _failure(kind: Kind, waiting: Waiting, tick: Tick, error: RoostError, now: float) -> Commit | None:
    """What a failed run writes: an ask its outcome, a letter or occurrence its next attempt or its grave.

    `now`: when it failed, which may be long after its start.
    """
    trigger, image = waiting.trigger, tick.image
    payload = trigger.payload
    transient = isinstance(error, TransientError)
    hopeless = isinstance(error, Unreadable)
    if isinstance(payload, Disconnect):  # nobody is there, whatever the hook says
        commit = tick.commit(None)
        commit.connections = (Gone(payload.cid),)
        return commit
    if waiting.letter is None and not isinstance(payload, Occurrence):
        if trigger.id is None or transient or not _keyed(waiting):
            return None
        commit = tick.commit(None)
        commit.handled = _handled(waiting, tick, outcome_of(error), problem_bytes(error))
        return commit
    commit = tick.commit(kind.default if image.state is None else None)  # its mailbox is acknowledged: so is it
    letter = waiting.letter
    if letter is not None:
        attempts = letter.attempts + 1
        retry = waiting.action.options.retry if waiting.action is not None else Retry(attempts=1)
        if transient or (attempts < retry.attempts and not hopeless):
            commit.deferred = _again(letter, attempts, now + _pause(retry, attempts, tick, error))
        else:
            commit.consumed = letter.n
            commit.dead = (DeadLetter(_again(letter, attempts, 0.0), _epitaph(kind, error), tick.at),)
            if _keyed(waiting):
                commit.handled = _handled(waiting, tick, outcome_of(error), problem_bytes(error))
        return commit
    assert isinstance(payload, Occurrence)
    row = image.schedules[payload.key]
    attempts = row.attempts + (error.code != NO_ZONE)  # its handler has not been tried
    target = kind.actions.get(row.target) or kind.methods.get(row.target)
    retry = target.options.retry if target is not None else Retry(attempts=1)
    if transient or (attempts < retry.attempts and not hopeless):
        at = now + _pause(retry, attempts, tick, error)
        commit.schedules = (Schedule(row.key, row.gen, row.due, row.spec, row.target, row.args, attempts, at),)
        return commit
    tick.advance(payload)
    commit.schedules, commit.sgen = tuple(tick.schedules.values()), tick.sgen
    letter = Letter(
        f"{row.key}/{row.gen}/{row.due:.3f}", "schedule", "", row.target, row.args, internal=True,
        attempts=attempts, keyed=False,
    )  # fmt: skip
    commit.dead = (DeadLetter(letter, _epitaph(kind, error), tick.at),)
    return commit


def _epitaph(kind: Kind, error: RoostError) -> bytes:
    """The problem document, and for operators what was raised, and where."""
    why = error.cause
    if why is None and error.__traceback__ is not None:
        why = cause(error, kind.cls.__module__)
    return problem_bytes(error, why)


def _pause(retry: Retry, attempts: int, tick: Tick, error: RoostError) -> float:
    """Seconds until the next attempt.

    Two runs that ask each other's agents wait until their deadlines, and would be tried again in step, for ever. A run
    that asked draws its pause, so that one of them finds the other's agent at rest (rule 6).
    """
    pause = retry.delay(attempts)
    if isinstance(error, TransientError):
        pause = max(pause, error.retry_after or 0.0)
        if tick.asks:
            pause += max(pause, SPREAD) * (tick.seed >> 11) / (1 << 53)
    return pause


def _again(x: Letter, attempts: int, at: float) -> Letter:
    return Letter(
        x.id, x.source, x.principal, x.action, x.args, x.lane, x.internal, attempts, at, x.n, x.claims, x.keyed
    )


async def _store(cell: Cell, waiting: Waiting, commit: Commit) -> TickResult | None:
    """None = durable. Otherwise nothing of this run counts, and the result says what does."""
    store = cell.runtime.store
    try:
        done = await store.commit(commit)
        if isinstance(done, AlreadyHandled):
            cell.forget()
            if done.handled.fingerprint != waiting.fingerprint:
                return failed(other_arguments(done.handled.id))
            return stored(done.handled, commit.base)
        return None
    except Unknown as lost:
        return await _settle(cell, waiting, commit, lost)
    except Conflict as conflict:
        cell.forget()
        return TickResult("transient", error=conflict)
    except RoostError as error:
        cell.forget()
        return TickResult(outcome_of(error), error=error)


async def _settle(cell: Cell, waiting: Waiting, commit: Commit, lost: Unknown) -> TickResult | None:
    """The answer to a commit was lost: the store itself tells whether it happened (rule 3)."""
    try:
        if await happened(cell.runtime.store, commit):
            return None
    except RoostError:
        pass
    cell.forget()
    return TickResult("transient", error=lost)
