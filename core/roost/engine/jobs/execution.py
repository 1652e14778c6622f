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

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from pydantic_core import to_json

from ...contract.errors import RoostError, problem
from ...contract.journal import Fact, JournalRow
from .body import Body
from .ordered import PendingCall

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

    # From the journal --------------------------------------------------------------------------------

    def open(self, rows: Sequence[JournalRow], now: float) -> None:
        """Replay the recorded rows, then claim. Diverged: the code no longer fits them."""
        assert self.state == "replaying"
        self.body.loop.silent = True
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
            self._begun.add(fact.id)
        elif fact.kind == "ended":
            self.state = "ended"
        else:
            self.body.deliver(fact)

    # What happens ------------------------------------------------------------------------------------

    def finished(self, call: PendingCall, kind: Literal["value", "failed", "unknown"], data: bytes, now: float) -> None:
        """A step came to its end. When the body took it back meanwhile, nobody asks."""
        if self._running.pop(call.id, None) is not None and self.state == "running":
            self._gathered.append(Fact(kind, now, call.id, call.name, call.fingerprint, data))

    def cancel(self, now: float) -> None:
        """Somebody wants the job to end."""
        self._gathered.append(Fact("cancel", now))

    def tick(self, now: float) -> None:
        """Time passed: timers that are due fire. A suspended job goes on."""
        if self.state not in ("running", "suspended") or self.body.done:
            return
        for id in self.body.due(now):
            if id not in self._firing:
                self._firing.add(id)
                self._gathered.append(Fact("fired", now, id))

    # What to do --------------------------------------------------------------------------------------

    def to_write(self) -> JournalRow | None:
        """The next row, to be inserted where nothing may be; None while one is under way, or nothing happened."""
        if self._writing is not None or not self._gathered or self.state in ("ended", "lost"):
            return None
        facts, self._gathered = tuple(self._gathered), []
        if self.state == "suspended":
            self.state = "running"
        self._writing = JournalRow(self.position + 1, facts)
        return self._writing

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
            elif fact.kind == "ended":
                self._end("ended")
                return
            else:
                self._firing.discard(fact.id)
                self.body.deliver(fact)
        self._look(now)

    def lost(self) -> None:
        """Another executor took the job over: stop all that runs. Nothing more is written."""
        self._writing = None
        self._end("lost")

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
        timer = self.body.next_timer()
        return None if timer is None or self.state in ("ended", "lost") else timer.when()

    @property
    def waiting_for_nothing(self) -> bool:
        """Suspended for good: no timer, and nothing asked for that somebody outside could answer."""
        return self.state == "suspended" and not self.body.loop.wanted and self.due() is None

    # Within ------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        """The body ran: what does it want now?"""
        body = self.body
        if body.done:
            self._gathered.append(Fact("ended", now, data=_outcome(body)))
            self._stop_all()
            return
        for id, call in list(self._running.items()):
            if id in body.loop.passed:
                del self._running[id]
                self._to_stop.append(call)
        for call in body.asked():
            if not call.once:
                self._run(call)
            elif call.id in self._begun:
                self._gathered.append(Fact("unknown", now, call.id, call.name, call.fingerprint))
            else:
                self._starting[call.id] = call
                self._gathered.append(Fact("started", now, call.id, call.name, call.fingerprint))
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


def _outcome(body: Body) -> bytes:
    """What a job came to, as JSON: {"value": ...} or {"error": problem document}."""
    try:
        return to_json({"value": body.outcome()})
    except RoostError as error:
        doc: Any = problem(error)
    except BaseException as error:
        doc = {"code": "job-failed", "status": 500, "detail": f"{type(error).__name__}: {error}"}
    return to_json({"error": doc})
