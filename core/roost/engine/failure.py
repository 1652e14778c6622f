"""What a run that failed comes to: how callers and the log are told, and what it writes all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..author.action import Retry
from ..contract.commit import DeadLetter, Gone, Letter, Schedule
from ..contract.errors import AgentError, RoostError, TransientError, Unreadable
from ..contract.result import hidden, outcome_of, problem_bytes
from ..contract.trigger import Disconnect, JobOver, Occurrence
from ..tick.perform import NO_ZONE
from .blame import cause
from .inbox import handled, keyed

if TYPE_CHECKING:
    from ..author.kind import Kind
    from ..contract.commit import Commit
    from ..contract.trigger import Trigger
    from ..tick.overrun import Overrun
    from ..tick.tick import Tick
    from .cell import Cell
    from .mailbox import Waiting

SPREAD: Final = 3.0
"""Seconds over which the next attempts of runs that waited for one another are spread, at least."""


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


def attempted(kind: Kind, waiting: Waiting, tick: Tick, error: RoostError, now: float) -> Commit | None:
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
        if trigger.id is None or transient or not keyed(waiting):
            return None
        commit = tick.commit(None)
        commit.handled = handled(waiting, tick.at, outcome_of(error), problem_bytes(error))
        return commit
    commit = tick.commit(kind.default if image.state is None else None)  # its mailbox is acknowledged: so is it
    letter = waiting.letter
    if letter is not None:
        attempts = letter.attempts + 1
        over = payload if isinstance(payload, JobOver) else None
        once = Retry(attempts=1) if over is None else Retry()
        retry = waiting.action.options.retry if waiting.action is not None else once
        if transient or (attempts < retry.attempts and not hopeless):
            commit.deferred = _again(letter, attempts, now + _pause(retry, attempts, tick, error))
        else:
            commit.consumed = letter.n
            commit.dead = (DeadLetter(_again(letter, attempts, 0.0), _epitaph(kind, error), tick.at),)
            if keyed(waiting):
                commit.handled = handled(waiting, tick.at, outcome_of(error), problem_bytes(error))
            if over is not None and not over.name:
                from ..tick.jobs import given_up

                given_up(commit, image, over)
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
