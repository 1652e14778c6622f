"""The rows of one agent in memory, and how a commit changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from ...contract.address import Address
from ...contract.commit import (
    LETTERS,
    SCHEMA,
    Commit,
    DeadLetter,
    Entry,
    Envelope,
    Gone,
    Handled,
    Letter,
    Row,
    Schedule,
    Snapshot,
    Unschedule,
)
from ...contract.refusals import arrived, check, moved_on
from .jobs import Jobs

InboxKey: TypeAlias = tuple[str, str, str]


def inbox_key(row: Handled | Letter) -> InboxKey:
    """What an inbox row is found by."""
    return row.source, row.principal, row.id


class Rows:
    """Mutable; the records in it are frozen, so they are shared with callers."""

    __slots__ = (
        "address", "armed", "at", "connections", "dead", "due", "fence", "generation", "inbox", "jobs", "kv",
        "letters", "log", "outbox", "released", "schedules", "schema", "seq", "sgen", "state", "state_version",
        "ticket", "version",
    )  # fmt: skip

    def __init__(self, address: Address) -> None:
        self.address = address
        self.schema = SCHEMA
        self.generation = 1
        self.fence = 0
        self.version = 0
        self.at = 0.0
        self.due: float | None = None
        self.armed: float | None = None
        self.released = 0
        self.ticket = 0
        """The last number given to a letter, waiting or dead; it outlives `clear`, so that no number returns."""
        self.outbox: dict[str, Envelope] = {}
        self.clear()

    def clear(self) -> None:
        """What an agent loses when it is destroyed."""
        self.state: bytes | None = None
        self.state_version = 1
        self.seq = 0
        self.sgen = 0
        self.kv: dict[str, bytes] = {}
        self.schedules: dict[str, Schedule] = {}
        self.inbox: dict[InboxKey, Handled] = {}
        self.log: dict[int, Entry] = {}
        self.letters: dict[int, Letter] = {}
        self.dead: dict[int, DeadLetter] = {}
        self.connections: dict[str, Row] = {}
        self.jobs = Jobs()

    def snapshot(self) -> Snapshot:
        letters = tuple(self.letters[n] for n in sorted(self.letters)[:LETTERS])
        return Snapshot(
            self.address, self.schema, self.generation, self.fence, self.version, self.at, self.seq, self.sgen,
            self.due, self.armed, self.released, self.state, self.state_version,
            tuple(sorted(self.schedules.values(), key=lambda s: s.key.encode())),
            tuple(sorted(self.connections.values(), key=lambda r: (r.opened, r.cid))),
            tuple(self.outbox.values()), letters, len(self.letters), len(self.dead),
            tuple(job.job.live for job in self.jobs.live.values()),
        )  # fmt: skip

    def times(self) -> list[float]:
        """When somebody must look at the agent: its own time, and those of its jobs."""
        times = self.jobs.times()
        return times if self.armed is None else [self.armed, *times]

    def check(self, commit: Commit) -> None:
        """Fenced or Conflict if `commit` was not made from these rows."""
        check(commit, self.generation, self.version, self.fence, self.state is not None)
        if commit.waiting is not None:
            waiting = sum(x.forwarded is None for x in self.letters.values())
            if waiting != commit.waiting:
                raise arrived(self.address, waiting, commit.waiting)
        if commit.jobs_seen is not None and set(self.jobs.marks()) != set(commit.jobs_seen):
            raise moved_on(self.address)

    def apply(self, commit: Commit, log_limit: int) -> None:
        """Cannot fail: `check` came first."""
        self.schema, self.fence = commit.schema, commit.fence
        self.version, self.at, self.released = commit.version, commit.at, commit.released
        self.due, self.armed = commit.next_due, commit.armed
        for envelope in commit.outbox:
            self.outbox[envelope.id] = envelope
        if commit.destroy:
            self.generation += 1
            self.clear()
            return
        if commit.state is not None:
            self.state, self.state_version = commit.state, commit.state_version
        self.seq, self.sgen = commit.seq, commit.sgen
        if commit.handled is not None:
            self.inbox[inbox_key(commit.handled)] = commit.handled
        for put in commit.kv:
            if put.value is None:
                self.kv.pop(put.key, None)
            else:
                self.kv[put.key] = put.value
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
        for entry in commit.log:
            self.log[entry.seq] = entry
        if commit.jobs:
            self.jobs.apply(commit.jobs, commit.at)
        for done in commit.inbox:
            self.inbox[inbox_key(done)] = done
        if commit.log:
            for seq in [s for s in self.log if s <= self.seq - log_limit]:
                del self.log[seq]
        self._post(commit)

    def _post(self, commit: Commit) -> None:
        if commit.consumed is not None:
            self.letters.pop(commit.consumed, None)
        again = commit.deferred
        if again is not None and (letter := self.letters.get(again.n)) is not None:
            self.letters[again.n] = replace(letter, attempts=again.attempts, next=again.next)
        for letter in commit.letters:
            self.park(letter)
        for dead in commit.dead:
            self.ticket += 1
            self.dead[self.ticket] = replace(dead, letter=replace(dead.letter, n=0), n=self.ticket)

    def park(self, letter: Letter) -> Letter:
        self.ticket += 1
        letter = replace(letter, n=self.ticket)
        self.letters[letter.n] = letter
        return letter
