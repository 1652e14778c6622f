"""The resident copy of an agent as last committed. It changes only by `apply`, after a commit is durable."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from ..contract.address import Address
from ..contract.caller import lapses
from ..contract.commit import Commit, Envelope, Gone, Letter, Row, Schedule, Snapshot, Unschedule
from ..contract.errors import AgentError
from .resting import Resting

if TYPE_CHECKING:
    from ..contract.job import LiveJob

REDELIVER: float = 5.0
"""Seconds after which an envelope that nobody settled is sent again, should the host die first."""


class Image:
    """Mutable, one an awake agent. Reading it is free; a store is asked only at load."""

    __slots__ = (
        "_resting", "_times", "address", "armed", "at", "connections", "dead", "due", "expiring", "fence",
        "generation", "jobs", "letters", "outbox", "released", "schedules", "seq", "sgen", "state", "state_version",
        "version", "view", "waiting",
    )  # fmt: skip

    def __init__(self, snapshot: Snapshot) -> None:
        self.address: Address = snapshot.address
        self.generation = snapshot.generation
        self.fence = snapshot.fence
        self.version = snapshot.version
        self.at = snapshot.at
        self.seq = snapshot.seq
        self.sgen = snapshot.sgen
        self.due = snapshot.due
        self.armed = snapshot.armed
        self.released = snapshot.released
        self.state = snapshot.state
        self.state_version = snapshot.state_version
        self.view: bytes | AgentError | None = None
        """The view of the committed state as JSON, made when first asked for; or why it could not be made."""
        self.schedules: dict[str, Schedule] = {s.key: s for s in snapshot.schedules}
        self._times = [(s.at, s.key) for s in snapshot.schedules]
        """A heap of them: each line of `schedules`, and what has left or moved since and is yet to be passed over."""
        heapify(self._times)
        rows, envelopes, letters = snapshot.connections, snapshot.outbox, snapshot.letters
        self.connections: dict[str, Row] = {r.cid: r for r in rows} if rows else {}
        self.expiring: dict[str, float] = {}
        """Connection -> epoch seconds when its caller expires; of those who do."""
        for row in rows:
            if (lapse := lapses(row.claims)) is not None:
                self.expiring[row.cid] = lapse
        self.outbox: dict[str, Envelope] = {e.id: e for e in envelopes} if envelopes else {}
        self.letters: dict[int, Letter] = {x.n: x for x in letters} if letters else {}
        """Read it; `keep` and `drop` change it."""
        self._resting: Resting | None = Resting(letters) if letters else None
        """When those in back-off, or delayed, want to be tried; None: no letter ever was."""
        self.waiting = snapshot.waiting if letters else 0  # the oldest come first: if none did, the count is wrong
        self.dead = snapshot.dead
        self.jobs: dict[str, LiveJob] = {x.uid: x for x in snapshot.jobs} if snapshot.jobs else {}
        """By uid. Commits change it in a `JobImage` only."""

    @property
    def exists(self) -> bool:
        return self.state is not None

    @property
    def more(self) -> bool:
        """Letters wait in the store that are not loaded."""
        return self.waiting > len(self.letters)

    def next_commit(self, at: float) -> Commit:
        """An empty commit, made at `at` (epoch seconds), that the store takes if this is what it holds."""
        version = self.version
        commit = Commit(self.address, self.generation, version, version + 1, at, self.fence)
        commit.sgen = self.sgen
        commit.seq = self.seq
        commit.released = version
        return commit

    def plan(self, commit: Commit, promised: Collection[float] = ()) -> None:
        """Fill in when `commit` leaves the agent due, and armed.

        `promised`: when letters that are being parked right now are due, 0 = at once.
        """
        if not (
            commit.schedules or commit.deferred or commit.consumed or commit.outbox
            or self.waiting or self.outbox or promised
        ):  # fmt: skip
            commit.next_due = commit.armed = self.due
            return
        changed = {row.key for row in commit.schedules}
        times = [row.at for row in commit.schedules if isinstance(row, Schedule)]
        first = self._first(changed)
        if first is not None:
            times.append(first)
        if not (commit.deferred or commit.consumed or commit.outbox or self.waiting or self.outbox or promised):
            commit.next_due = commit.armed = min(times) if times else None
            return
        handled = {commit.consumed}
        ready = False
        if commit.deferred is not None:
            handled.add(commit.deferred.n)
            ready = commit.deferred.next <= commit.at
            if not ready:
                times.append(commit.deferred.next)
        later, soonest = self._later(commit.at, handled)
        ready = ready or len(self.letters) - sum(n in self.letters for n in handled) > later
        if soonest is not None:
            times.append(soonest)
        times += [t for t in promised if t]
        commit.next_due = min(times, default=None)
        under_way = ready or commit.outbox or self.outbox or self.more or not all(promised)
        commit.armed = self._sooner(commit.next_due, commit.at) if under_way else commit.next_due

    def _first(self, without: Collection[str]) -> float | None:
        """The earliest time of a schedule, those keys left out."""
        times, aside, found = self._times, list[tuple[float, str]](), None
        while times:
            at, key = times[0]
            row = self.schedules.get(key)
            if row is not None and row.at == at and key not in without:
                found = at
                break
            one = heappop(times)
            if row is not None and row.at == at:
                aside.append(one)
        for one in aside:
            heappush(times, one)
        return found

    def _later(self, at: float, without: Collection[int | None] = ()) -> tuple[int, float | None]:
        """How many letters have to wait longer than `at`, and when the first of them wants to be tried."""
        return (0, None) if self._resting is None else self._resting.later(at, without)

    def settle(self, ids: Collection[str], at: float, promised: Collection[float] = ()) -> float | None:
        """Envelopes were delivered; when the agent must be armed now."""
        for one in ids:
            self.outbox.pop(one, None)
        later, soonest = self._later(at)
        under_way = self.outbox or self.more or len(self.letters) > later or not all(promised)
        due = min((t for t in (self.due, soonest, *promised) if t), default=None)
        self.armed = self._sooner(due, at) if under_way else due
        return self.armed

    @staticmethod
    def _sooner(due: float | None, at: float) -> float:
        return at + REDELIVER if due is None else min(due, at + REDELIVER)

    def earliest(self) -> float | None:
        """The earliest due time of what is in memory; must equal `due` (rule 22)."""
        times = [row.at for row in self.schedules.values()]
        if self._resting is not None and (resting := self._resting.earliest()) is not None:
            times.append(resting)
        return min(times, default=None)

    def keep(self, letter: Letter) -> None:
        """A letter waits, or waits again."""
        self.letters[letter.n] = letter
        if self._resting is None:
            self._resting = Resting(())
        self._resting.set(letter.n, letter.next)

    def drop(self, n: int) -> bool:
        """A letter is no more; whether it was there."""
        if self._resting is not None:
            self._resting.drop(n)
        return self.letters.pop(n, None) is not None

    def _set(self, schedule: Schedule) -> None:
        self.schedules[schedule.key] = schedule
        heappush(self._times, (schedule.at, schedule.key))
        if len(self._times) > 2 * len(self.schedules) + 64:  # keys that are set again and again
            self._times = [(s.at, s.key) for s in self.schedules.values()]
            heapify(self._times)

    def apply(self, commit: Commit) -> None:
        """The commit is durable: so is this."""
        self.version = commit.version
        self.at = commit.at
        self.released = commit.released
        self.due = commit.next_due
        self.armed = commit.armed
        self.sgen = commit.sgen
        self.seq = commit.seq
        if commit.destroy:
            self._bury(commit)
            return
        self.generation = commit.generation
        if commit.state is not None:
            self.state = commit.state
            self.state_version = commit.state_version
            self.view = None
        if commit.consumed is not None and self.drop(commit.consumed):
            self.waiting -= 1
        if commit.deferred is not None:
            self.keep(commit.deferred)
        self.dead += len(commit.dead)
        for schedule in commit.schedules:
            if isinstance(schedule, Unschedule):
                self.schedules.pop(schedule.key, None)
            else:
                self._set(schedule)
        for row in commit.connections:
            if isinstance(row, Gone):
                self.connections.pop(row.cid, None)
                self.expiring.pop(row.cid, None)
            else:
                self.connections[row.cid] = row
                if (lapse := lapses(row.claims)) is not None:
                    self.expiring[row.cid] = lapse
        for envelope in commit.outbox:
            self.outbox[envelope.id] = envelope

    def _bury(self, commit: Commit) -> None:
        self.generation = commit.generation + 1
        self.state = self.view = None
        self.seq = self.sgen = self.dead = self.waiting = 0
        self.due, self.armed = None, commit.armed
        self.schedules, self.connections, self.letters = {}, {}, {}
        self._times, self._resting, self.expiring, self.jobs = [], None, {}, {}
