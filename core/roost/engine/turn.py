"""One turn: a waiting trigger becomes a tick, its commit, its release. The hottest path of Roost.

Order is everything here (rule 4): `run` the handler, `write` durably, then memory, then `publish` to the world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from ..author.agent import succeed, unshared
from ..contract.commit import AlreadyHandled, Commit
from ..contract.errors import AgentError, Conflict, RoostError, Unknown, sole
from ..contract.refusals import other_arguments
from ..contract.result import TickResult, failed, outcome_of, stored
from ..contract.trigger import Occurrence
from ..tick.around import wrapped
from ..tick.overrun import Overrun, begin, from_outside
from ..tick.perform import NO_ZONE, HttpAnswer, answer, perform
from ..tick.state import as_committed, changed
from .chunks import carried_out, streams, void
from .due import build
from .failure import attempted, hide, overran
from .inbox import handled, keyed
from .outcome import happened
from .release import publish
from .run import Run
from .trouble import note

if TYPE_CHECKING:
    from ..author.agent import Agent
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting

Written: TypeAlias = tuple[Commit | None, TickResult]
"""The commit, if it is durable, and what whoever waits is told."""


class Ended:
    """How a run ended."""

    __slots__ = ("commit", "error", "shown", "value")

    def __init__(
        self, commit: Commit | None, value: bytes | HttpAnswer = b"null", error: RoostError | None = None,
        shown: bytes | None = None,
    ) -> None:  # fmt: skip
        self.commit = commit
        """What is to be written; None: nothing."""
        self.value = value
        self.error = error
        """Set unless the handler returned."""
        self.shown = shown
        """The view of the new state, where its author makes it."""


async def turn(cell: Cell, waiting: Waiting, image: Image) -> None:
    """Run one trigger to its end. Raises nothing but cancellation: errors become results."""
    one = Run(cell, waiting, image)
    ended = await run(one)
    commit, result = await write(one, ended)
    host = cell.runtime.host
    result.next_wake = image.due
    result.duration = seconds = host.monotonic() - one.started
    cell.metrics.count(waiting.trigger.kind, result.outcome, seconds)
    await publish(one, commit, result)


async def run(one: Run) -> Ended:
    """The handler, and what it makes of the agent. Only a return commits."""
    cell, waiting, tick = one.cell, one.waiting, one.tick
    trigger, runtime = waiting.trigger, cell.runtime
    host = runtime.host
    problem: RoostError
    try:
        begun, agent = one.started, cell.agent
        if agent is None or cell.lent is not None:
            agent = await _lend(cell, one.image)
            begun = host.monotonic()
        agent._tick = tick  # pyright: ignore[reportPrivateUsage]
        tick.live = one.live
        action = waiting.action
        value: bytes | HttpAnswer
        if trigger.kind != "call" or action is None or waiting.letter is not None or action.streams or runtime.around:
            if runtime.around:
                handler = wrapped(runtime.around, agent, tick, waiting, one.breathe)
            else:
                handler = perform(agent, tick, waiting, one.breathe)
            found = begin(host, begun, one.seconds, handler, one.blocked)
            value = found[0] if isinstance(found, tuple) else await found
        else:  # as `perform` would, which is for all the rest
            if action.guarded:
                action.admit(trigger.source, trigger.caller, trigger.own(cell.address))
            author = action.fn(agent, *waiting.args, **waiting.kwargs)
            ran = begin(host, begun, one.seconds, author, one.blocked)
            value = answer(action, ran[0] if isinstance(ran, tuple) else await ran, tick.limits.result)
        tick.open = False
        used = agent.state
        state, shown = changed(agent, tick, one.show)
        cell.lent = used if state is None else None
        cell.agent = agent
        del agent
        if not unshared(cell):
            cell.agent = succeed(cell.agent)
        if state is not None or tick.touched or trigger.id is not None or waiting.letter is not None:
            commit = tick.commit(state)
            if waiting.letter is not None:
                commit.consumed = waiting.letter.n
            if trigger.id is not None and keyed(waiting):
                commit.handled = handled(waiting, tick.at, "value", value if isinstance(value, bytes) else b"null")
        else:
            commit = None
        if host.cancelled():
            await host.uncancel()
        return Ended(commit, value, None, shown)
    except RoostError as error:
        problem = error
    except Overrun as overrun:
        problem = overran(cell, trigger, one.seconds, overrun)
    except BaseException as error:
        if from_outside(host, error):
            cell.agent = None
            raise
        one_of = sole(error)
        problem = one_of if isinstance(one_of, RoostError) else hide(cell, trigger, error)
    finally:
        tick.open = False
        tick.live = None  # it holds the tick: without the cycle all that a tick made is free when it ends
    if host.cancelled():
        await host.uncancel()
    return _spoiled(one, problem)


def _spoiled(one: Run, error: RoostError) -> Ended:
    """Nothing of the run counts; what it writes all the same is that it failed."""
    cell, waiting, tick = one.cell, one.waiting, one.tick
    trigger, runtime = waiting.trigger, cell.runtime
    cell.agent = None  # its state may hold what did not commit
    tick.discard()
    void(cell, tick, waiting)
    if isinstance(error, AgentError) and error.id is None:
        error.id = f"{runtime.host.entropy():016x}"
        runtime.log.error("%s %s failed [%s]: %s", cell.address, trigger.kind, error.id, error.message)
    note(cell.runtime.log, cell.address, trigger.what, error)
    payload = trigger.payload
    if error.code == NO_ZONE and isinstance(payload, Occurrence) and one.image.schedules[payload.key].next is None:
        runtime.log.error("%s: %s", cell.address, error.message)  # at its first attempt
    cell.metrics.failed(error, tick.at)
    return Ended(attempted(cell.kind, waiting, tick, error, max(tick.at, runtime.host.now())), error=error)


async def write(one: Run, ended: Ended) -> Written:
    """Make the commit durable, then the image. What is not durable leaves nothing of its run."""
    cell, image, commit, error = one.cell, one.image, ended.commit, ended.error
    if commit is not None:
        if cell.leases is not None:
            cell.seal(one.tick, one.waiting, commit, error, ended.value)
        image.plan(commit, cell.parking.promised())
        if commit.yield_lease and cell.unbelled(commit):
            commit.yield_lease = False
        lost: TickResult | None
        try:
            done = await cell.runtime.store.commit(commit)
        except Unknown as unknown:
            lost = None if await _happened(cell, commit) else TickResult("transient", error=unknown)
        except Conflict as conflict:
            lost = TickResult("transient", error=conflict)
        except RoostError as refusal:
            lost = TickResult(outcome_of(refusal), error=refusal)
        else:
            lost = _before(one, commit, done) if isinstance(done, AlreadyHandled) else None
        if commit.consumed is not None:
            cell.parking.consumed(commit.consumed)  # whatever is known of it: if it waits, the next load finds it
        if lost is not None:
            return None, _undone(one, lost)
        image.apply(commit)
        if cell.kind.own_view:  # made of more than the state: any commit may change it
            image.view = ended.shown if error is None else None
    if error is not None:
        return commit, TickResult(outcome_of(error), error=error, version=image.version)
    value = ended.value
    if isinstance(value, bytes):
        return commit, TickResult("value", value, None, image.version)
    return commit, TickResult("value", version=image.version, response=value)


def _before(one: Run, commit: Commit, done: AlreadyHandled) -> TickResult:
    """An earlier run of the same id was committed: its outcome is this one's."""
    if done.handled.fingerprint != one.waiting.fingerprint:
        return failed(other_arguments(done.handled.id))
    return stored(done.handled, commit.base)


async def _happened(cell: Cell, commit: Commit) -> bool:
    """The answer to a commit was lost: the store itself tells whether it happened (rule 3)."""
    try:
        return await happened(cell.runtime.store, commit)
    except RoostError:
        return False


def _undone(one: Run, lost: TickResult) -> TickResult:
    """The run's commit is not in the store, or may not be: nothing of it leaves, and the agent is read again."""
    cell, tick, waiting = one.cell, one.tick, one.waiting
    cell.forget()
    if lost.error is None and tick.chunks and streams(waiting):
        lost = failed(carried_out())
    if lost.error is not None:
        note(cell.runtime.log, cell.address, waiting.trigger.what, lost.error)
    tick.discard()
    void(cell, tick, waiting)
    return lost


async def _lend(cell: Cell, image: Image) -> Agent[Any, Any]:
    """The author's object for one tick, its state as committed."""
    agent, used, cell.lent = cell.agent, cell.lent, None
    if agent is None:
        return await build(cell.runtime, cell.kind, image)
    if used is not None and not as_committed(cell.kind, used, image):
        cell.runtime.log.warning(
            "late-write: the state of %s was changed after a tick had ended, by what that tick left behind; the change "
            "is dropped. Await what an action starts before it returns",
            cell.address,
        )
    return agent
