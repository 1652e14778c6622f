"""One executor's hold on a job: replays its journal, then turns what happens into rows. No I/O, and no clock.

States of an execution, and who moves it on:

    replaying  -> claiming    `open`: the recorded rows were heard
    claiming   -> running     `written`: the row with the claim is durable; before it nothing is begun
    running    -> suspended   nothing runs and nothing is to be written: the job waits for a time, or for others
    running    -> ended       `written`: the row with the outcome is durable
    any        -> lost        `lost`: another executor wrote at our position; what we know of the job is out of date

The position is the fence (docs/decisions/011): the only write is an insert at the next position, one at a time,
and the body hears of what it holds once it is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

from pydantic_core import from_json, to_json

from ...author.work import Again
from ...contract.encoding import encode
from ...contract.errors import AgentError, LimitExceeded, RoostError, sole
from ...contract.job import OUTCOME_BYTES, ROW_BYTES, Note
from ...contract.journal import Fact, JournalRow
from ...contract.result import problem_bytes
from .body import Body, Diverged
from .ordered import PendingCall
from .waits import Waits, note_of

FACTS: Final = 100
"""Facts in one row, at most: what stands around their data must fit too."""
State: TypeAlias = Literal["replaying", "claiming", "running", "suspended", "ended", "lost"]


class Execution:
    """See the file's head. After each call look at `to_write`, `to_begin` and `to_stop`, until all are empty."""

    def __init__(self, body: Body, owner: str) -> None:
        self.body = body
        self.owner = owner
        self.state: State = "replaying"
        self.position = 0
        """Of the last row that is known to be durable."""
        self._begun: set[str] = set()
        """Calls that run once at most, and whose beginning is in the journal."""
        self._running: dict[str, PendingCall] = {}
        self._gathered: list[Fact] = []
        """What happened and is in no row yet."""
        self._writing: JournalRow | None = None
        self._firing: set[str] = set()
        self._starting: dict[str, PendingCall] = {}
        """Calls that run once at most, while their beginning is not durable."""
        self._to_begin: list[PendingCall] = []
        self._to_stop: list[PendingCall] = []
        self.tries: dict[str, dict[str, Any]] = {}
        """Calls whose last attempt failed, and what the journal says of it."""
        self._resting: dict[str, float] = {}
        """Those of them that wait for their next attempt, and until when (epoch seconds)."""
        self.notes: set[str] = set()
        """Ids of notes that are in the journal, or will be in its next row."""
        self.heard: set[str] = set()
        """Those of them that are answers and cancellations, and that the body heard of."""
        self.waits = Waits()
        self.cancelled: tuple[float, str] | None = None
        """When the body heard that it is cancelled, and why: `cancelled`, `deadline`."""
        self._ending = False
        self.closing = False
        """Nothing begins here any more: it is let go once what runs is over."""
        self.raised: BaseException | None = None
        """What the body raised, where it is nothing that it could mean to: for the log."""

    # From the journal --------------------------------------------------------------------------------

    def open(self, rows: Sequence[JournalRow], now: float) -> None:
        """Replay the recorded rows, then claim. Diverged: the code no longer fits them."""
        assert self.state == "replaying"
        self.body.loop.silent = bool(rows)
        self.body.begin()
        for row in rows:
            self.position = row.position
            for fact in row.facts:
                self._recorded(fact)
        self.body.loop.silent = False
        if self.state == "replaying":
            self.state = "claiming"
            self._gathered.append(Fact("claim", now, data=to_json(self.owner)))

    def _recorded(self, fact: Fact) -> None:
        if fact.kind == "started":
            self.body.check(fact)
            self._begun.add(fact.id)
        elif fact.kind == "tried":
            self.body.check(fact)
            self._tried(fact)
        elif fact.kind == "ended":
            self.state = "ended"
        else:
            self._hears(fact)

    def _hears(self, fact: Fact) -> None:
        if note := note_of(fact):
            self.notes.add(note)
            if fact.kind != "signal":
                self.heard.add(note)
        if fact.kind == "cancel":
            self.cancelled = self.cancelled or (fact.at, str(from_json(fact.data) or "cancelled"))
        elif self.tries:
            self.tries.pop(fact.id, None)
            self._resting.pop(fact.id, None)
        self.body.deliver(fact)

    def _tried(self, fact: Fact) -> None:
        said: dict[str, Any] = from_json(fact.data)
        self.tries[fact.id] = said
        self._resting[fact.id] = float(said["next"])

    def embody(self, body: Body, rows: Sequence[JournalRow]) -> None:
        """Go on with another body, brought to where this one is; steps go on. Diverged: it is elsewhere."""
        before = [*self.body.loop.wanted]
        self.body.close()
        self.body = body
        body.loop.silent = True
        body.begin()
        for row in rows:
            for fact in row.facts:
                body.deliver(fact)
        body.loop.silent = False
        if [*body.loop.wanted] != before:
            raise Diverged(f"replayed, the body asks for {[*body.loop.wanted]} and not for {before}")
        body.asked()
        for calls in (self._running, self._starting):
            for id in calls:
                calls[id] = body.loop.wanted[id]
        self._to_begin = [body.loop.wanted[call.id] for call in self._to_begin if call.id in body.loop.wanted]

    # What happens ------------------------------------------------------------------------------------

    def finished(self, call: PendingCall, kind: Literal["value", "failed", "unknown"], data: bytes, now: float) -> None:
        """A step came to its end. When the body took it back meanwhile, nobody asks."""
        if self._running.pop(call.id, None) is not None and self.state == "running":
            self._gathered.append(Fact(kind, now, call.id, call.name, call.fingerprint, data))

    def tried(self, call: PendingCall, said: dict[str, Any], now: float) -> None:
        """An attempt of a step failed, and there is another one at `said["next"]` (epoch seconds)."""
        if self._running.pop(call.id, None) is not None and self.state == "running":
            self._gathered.append(Fact("tried", now, call.id, call.name, call.fingerprint, to_json(said)))

    def cancel(self, now: float, note: str = "", why: str = "cancelled") -> None:
        """Somebody wants the job to end, or its time is over. A note that was heard is not heard again."""
        if (note not in self.notes or not note) and not self._ending:
            self.notes.add(note)
            self._gathered.append(Fact("cancel", now, note, data=to_json(why)))

    def over(self, call: PendingCall, answer: Note | None, now: float) -> None:
        """A question was answered, or its time is over."""
        if not self._ending:
            if answer is not None:
                self.notes.add(answer.id)
            self._gathered += self.waits.over(call, answer, now)

    def settled(self, call: PendingCall, kind: Literal["value", "failed"], data: bytes, now: float) -> None:
        """A question could not be asked, or the job that is waited for has ended."""
        if not self._ending:
            self._gathered.append(Fact(kind, now, call.id, call.name, call.fingerprint, data))

    def take(self, now: float) -> None:
        """Signals that a call waits for become facts."""
        if not (self._ending or self.body.done):
            for fact in self.waits.take(self.body, now):
                self.notes.add(fact.id)
                self._gathered.append(fact)

    def end(self, now: float, error: RoostError) -> None:
        """The job ends without its body."""
        if not self._ending:
            self._ending = True
            self._gathered.append(Fact("ended", now, data=error_outcome(error)))
            self._stop_all()

    def tick(self, now: float) -> None:
        """Time passed: timers that are due fire. A suspended job goes on."""
        if self.state not in ("running", "suspended") or self.body.done:
            return
        for id, next in list(self._resting.items()):
            if next <= now:
                del self._resting[id]
                call = self.body.loop.wanted.get(id)
                if call is not None:
                    self.state = "running"
                    self._run(call)
        for id in self.body.due(now):
            if id not in self._firing:
                self._firing.add(id)
                self._gathered.append(Fact("fired", now, id))

    # What to do --------------------------------------------------------------------------------------

    def to_write(self) -> JournalRow | None:
        """The next row, to be inserted where nothing may be; None while one is under way, or nothing happened."""
        if self._writing is not None or not self._gathered or self.state in ("ended", "lost"):
            return None
        if self.closing and self._starting:  # what a row says has begun, and no host began, would be `unknown`
            self._starting.clear()
            self._gathered = [fact for fact in self._gathered if fact.kind != "started"]
            if not self._gathered:
                return None
        size = count = 0
        for fact in self._gathered:
            size += len(fact.data)
            if count and (size > ROW_BYTES or count == FACTS):
                break
            count += 1
        facts, self._gathered = tuple(self._gathered[:count]), self._gathered[count:]
        if self.state == "suspended":
            self.state = "running"
        self._writing = JournalRow(self.position + 1, facts)
        return self._writing

    def unwritten(self) -> None:
        """The row was not written and will not be: what it held goes with the next one, if there is one."""
        row, self._writing = self._writing, None
        assert row is not None
        self._gathered = [fact for fact in row.facts if fact.kind == "claim"]

    def written(self, now: float) -> None:
        """The row is durable: the body hears of it."""
        row, self._writing = self._writing, None
        assert row is not None
        self.position = row.position
        if self.state == "claiming":
            self.state = "running"
        for fact in row.facts:
            if fact.kind == "started":
                self._begun.add(fact.id)
                call = self._starting.pop(fact.id, None)
                if call is not None and not call.done():
                    self._run(call)
            elif fact.kind == "tried":
                self._tried(fact)
            elif fact.kind in ("ended", "again"):
                self._end("ended")
                return
            else:
                self._firing.discard(fact.id)
                self.waits.heard(fact)
                self._hears(fact)
        self._look(now)

    def lost(self) -> None:
        """Another executor took the job over: stop all that runs. Nothing more is written."""
        self._writing = None
        self._end("lost")

    def starting(self) -> list[PendingCall]:
        """Calls that run once at most, and are about to be written down as begun."""
        return [*self._starting.values()]

    def to_begin(self) -> list[PendingCall]:
        """Steps to run now."""
        fresh, self._to_begin = self._to_begin, []
        return [call for call in fresh if call.id in self._running]

    def to_stop(self) -> list[PendingCall]:
        """Steps that run, and that nobody waits for any more."""
        stopped, self._to_stop = self._to_stop, []
        return stopped

    def due(self) -> float | None:
        """When `tick` has something to do, if nothing happens before."""
        if self.state in ("ended", "lost"):
            return None
        timer = self.body.next_timer()
        times = (*self._resting.values(), *self.waits.expires.values(), *self.waits.polls.values())
        return min([*times, *(() if timer is None else (timer.when(),))], default=None)

    @property
    def waiting_for_nothing(self) -> bool:
        """Suspended for good: no timer, and nothing asked for that could be answered from outside."""
        return self.state == "suspended" and not self.body.loop.wanted and self.due() is None

    # Within ------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        """The body ran: what does it want now?"""
        body = self.body
        if body.done or self._ending:
            if not self._ending:
                self._ending = True
                if (next := self._again()) is None:
                    self._gathered.append(Fact("ended", now, data=self._outcome()))
                else:  # what it never heard of is for the next run
                    self._gathered = [Fact("again", now, data=next)]
            self._stop_all()
            return
        for id in [x for x in self._resting if x in body.loop.passed]:
            del self._resting[id], self.tries[id]
        for id, call in list(self._running.items()):
            if id in body.loop.passed:
                del self._running[id]
                self._to_stop.append(call)
        self.waits.look(body)
        for call in body.asked():
            if self.waits.asked(call):
                continue
            if not call.once:
                if call.id not in self._resting:
                    self._run(call)
            elif call.id in self._begun:
                self._gathered.append(Fact("unknown", now, call.id, call.name, call.fingerprint))
            else:
                self._starting[call.id] = call
                self._gathered.append(Fact("started", now, call.id, call.name, call.fingerprint))
        self.take(now)
        if not self._running and not self._gathered and self.state == "running":
            self.state = "suspended"

    def _run(self, call: PendingCall) -> None:
        self._running[call.id] = call
        self._to_begin.append(call)

    def _stop_all(self) -> None:
        self._to_stop += self._running.values()
        self._running.clear()

    def _end(self, state: Literal["ended", "lost"]) -> None:
        self.state = state
        self._stop_all()
        self._gathered.clear()
        self.body.close()

    def _again(self) -> bytes | None:
        """The arguments of the next run, if the body wants one and nobody wants the job to end."""
        try:
            self.body.outcome()
        except BaseException as raised:
            again = sole(raised)  # a task group makes a group of it
            if isinstance(again, Again) and self.cancelled is None:
                return again.arguments
        return None

    def _outcome(self) -> bytes:
        """What the body came to, as JSON."""
        try:
            value = encode(self.body.outcome(), "what the job returned")
            if len(value) > OUTCOME_BYTES - 16:
                raise LimitExceeded(
                    f"what the job returned has {len(value)} bytes; the limit is {OUTCOME_BYTES}: keep what is larger "
                    "elsewhere, and return where it is",
                    limit="result",
                )
            return b'{"value":%s}' % value
        except RoostError as error:
            return error_outcome(error)
        except (asyncio.CancelledError, Again):
            why = "cancelled" if self.cancelled is None else self.cancelled[1]
            return error_outcome(ended_by(why))
        except BaseException as error:
            one = sole(error)
            if isinstance(one, Again):
                return error_outcome(ended_by("cancelled" if self.cancelled is None else self.cancelled[1]))
            if isinstance(one, RoostError):
                return error_outcome(one)
            self.raised = error
            return error_outcome(AgentError(f"{type(one).__name__}: {one}", code="job-failed"))


def ended_by(why: str) -> AgentError:
    """The error of a job that was cancelled."""
    if why == "deadline":
        return AgentError("the job took longer than its timeout, and was cancelled", code="deadline")
    return AgentError("the job was cancelled", code="cancelled")


def error_outcome(error: RoostError) -> bytes:
    """{"error": problem document}, as JSON, within the limit of an outcome."""
    doc = problem_bytes(error)
    if len(doc) > OUTCOME_BYTES - 16:
        doc = problem_bytes(AgentError(error.message[:1000], code=error.code, status=error.status))
    return b'{"error":%s}' % doc
