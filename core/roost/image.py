"""The resident copy of an agent as last committed. It changes only by `apply`, after a commit is durable."""

from __future__ import annotations

from collections.abc import Collection

from .address import Address
from .commit import Commit, Envelope, Gone, Letter, Row, Schedule, Snapshot, Unschedule

REDELIVER: float = 5.0
"""Seconds after which an envelope that nobody settled is sent again, should the host die first."""


class Image:
    """Mutable, one an awake agent. Reading it is free; a store is asked only at load."""

    __slots__ = (
        "address", "armed", "at", "connections", "dead", "due", "fence", "generation", "letters", "outbox",
        "released", "schedules", "seq", "sgen", "state", "state_version", "version", "view", "waiting",
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
        self.view: bytes | None = None
        """The view of the committed state as JSON, made when first asked for."""
        self.schedules: dict[str, Schedule] = {s.key: s for s in snapshot.schedules}
        self.connections: dict[str, Row] = {r.cid: r for r in snapshot.connections}
        self.outbox: dict[str, Envelope] = {e.id: e for e in snapshot.outbox}
        self.letters: dict[int, Letter] = {x.n: x for x in snapshot.letters}
        self.waiting = snapshot.waiting
        self.dead = snapshot.dead

    @property
    def exists(self) -> bool:
        return self.state is not None

    @property
    def more(self) -> bool:
        """Letters wait in the store that are not loaded."""
        return self.waiting > len(self.letters)

    def plan(self, commit: Commit, promised: Collection[float] = ()) -> None:
        """Fill in when `commit` leaves the agent due, and armed.

        `promised`: when letters that are being parked right now are due, 0 = at once.
        """
        if not (
            commit.schedules or commit.deferred or commit.consumed or commit.outbox
            or self.letters or self.outbox or promised
        ):  # fmt: skip
            commit.next_due = commit.armed = self.due
            return
        schedules = self.schedules
        if commit.schedules:
            schedules = dict(schedules)
            for row in commit.schedules:
                if isinstance(row, Schedule):
                    schedules[row.key] = row
                else:
                    schedules.pop(row.key, None)
        letters = [x for x in self.letters.values() if x.n != commit.consumed]
        if commit.deferred is not None:
            letters = [x for x in letters if x.n != commit.deferred.n] + [commit.deferred]
        times = [row.at for row in schedules.values()]
        times += [x.next for x in letters if x.next > commit.at]
        times += [t for t in promised if t]
        commit.next_due = min(times, default=None)
        under_way = commit.outbox or self.outbox or self.more or any(x.next <= commit.at for x in letters)
        under_way = under_way or not all(promised)
        commit.armed = self._sooner(commit.next_due, commit.at) if under_way else commit.next_due

    def settle(self, ids: Collection[str], at: float, promised: Collection[float] = ()) -> float | None:
        """Envelopes were delivered; when the agent must be armed now."""
        for one in ids:
            self.outbox.pop(one, None)
        under_way = self.outbox or self.more or any(x.next <= at for x in self.letters.values())
        under_way = under_way or not all(promised)
        due = min((t for t in (self.due, *promised) if t), default=None)
        self.armed = self._sooner(due, at) if under_way else due
        return self.armed

    @staticmethod
    def _sooner(due: float | None, at: float) -> float:
        return at + REDELIVER if due is None else min(due, at + REDELIVER)

    def earliest(self) -> float | None:
        """The earliest due time of what is in memory; must equal `due` (semantics 22)."""
        times = [row.at for row in self.schedules.values()]
        times += [x.next for x in self.letters.values() if x.next]
        return min(times, default=None)

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
        if commit.consumed is not None and self.letters.pop(commit.consumed, None) is not None:
            self.waiting -= 1
        if commit.deferred is not None:
            self.letters[commit.deferred.n] = commit.deferred
        self.dead += len(commit.dead)
        for schedule in commit.schedules:
            if isinstance(schedule, Unschedule):
                self.schedules.pop(schedule.key, None)
            else:
                self.schedules[schedule.key] = schedule
        for row in commit.connections:
            if isinstance(row, Gone):
                self.connections.pop(row.cid, None)
            else:
                self.connections[row.cid] = row
        for envelope in commit.outbox:
            self.outbox[envelope.id] = envelope

    def _bury(self, commit: Commit) -> None:
        self.generation = commit.generation + 1
        self.state = self.view = None
        self.seq = self.sgen = self.dead = self.waiting = 0
        self.due, self.armed = None, commit.armed
        self.schedules, self.connections, self.letters = {}, {}, {}
