"""`Store` in memory: what each method means, with nothing in the way. No clock, no loop, no I/O: no method suspends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...contract.address import Address
from ...contract.commit import (
    AlreadyHandled,
    Busy,
    Commit,
    Committed,
    DeadLetter,
    Entry,
    Handled,
    Lease,
    Letter,
    Listed,
    Page,
    Snapshot,
)
from ...contract.listing import PAGE, cursor, position
from ...contract.refusals import full, joined
from ...contract.room import hogged, share_of
from ...contract.trigger import Source
from .journal import MemoryJournal
from .rows import Rows, inbox_key


class MemoryStore:
    """All agents of one world. `log_limit`: entries an agent's event log keeps."""

    def __init__(self, log_limit: int = 1000) -> None:
        self._log_limit = log_limit
        self._agents: dict[Address, Rows] = {}
        self.journal = MemoryJournal(self._rows)

    def _rows(self, address: Address) -> Rows:
        """The agent's rows; those of an agent never made are not kept."""
        return self._agents.get(address) or Rows(address)

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        """A lease raises the fence. There is no clock to tell whether another lease is over, so nobody is Busy."""
        rows = self._rows(address)
        if lease is not None:
            rows.fence += 1
            self._agents[address] = rows
        return rows.snapshot()

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        kv = self._rows(address).kv
        return {key: kv[key] for key in keys if key in kv}

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        kv, edge = self._rows(address).kv, after.encode()
        beyond = bytes.__lt__ if reverse else bytes.__gt__
        found = (k for k in kv if k.startswith(prefix) and (not edge or beyond(k.encode(), edge)))
        keys = sorted(found, key=str.encode, reverse=reverse)
        return [(key, kv[key]) for key in keys[:limit]]

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return self._rows(address).inbox.get((source, principal, id))

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        own = "agent", str(address)
        return [x for (*who, id), x in self._rows(address).inbox.items() if tuple(who) == own and id.startswith(prefix)]

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        """The inbox is looked at first: whoever lost the race for an id also lost that for the version."""
        rows, handled = self._rows(commit.address), commit.handled
        if handled is not None:
            found = rows.inbox.get(inbox_key(handled))
            if found is not None and found.expires > commit.at:
                return AlreadyHandled(found)
        rows.check(commit)
        rows.apply(commit, self._log_limit)
        self._agents[commit.address] = rows
        return Committed(commit.version)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        rows = self._rows(address)
        if letter.keyed:
            for first in rows.letters.values():
                if (
                    first.id == letter.id
                    and first.keyed
                    and (first.source, first.principal) == (letter.source, letter.principal)
                ):
                    first = joined(first, letter)
                    rows.armed = armed if rows.armed is None else min(rows.armed, armed)
                    return first
        if len(rows.letters) >= limit:
            raise full(address, len(rows.letters))
        share, who = share_of(limit), (letter.source, letter.principal)
        if share and sum((x.source, x.principal) == who for x in rows.letters.values()) >= share:
            raise hogged(address, letter, share)
        letter = rows.park(letter)
        rows.armed = armed if rows.armed is None else min(rows.armed, armed)
        if letter.next > 0:
            rows.due = letter.next if rows.due is None else min(rows.due, letter.next)
        self._agents[address] = rows
        return letter

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        letters = self._rows(address).letters
        return [letters[n] for n in sorted(letters) if n > after][:limit]

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        rows = self._rows(address)
        for id in ids:
            rows.outbox.pop(id, None)
        rows.armed = armed

    async def arm(self, address: Address, at: float | None) -> None:
        self._rows(address).armed = at

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        rows = self._rows(address)
        kept = sorted(s for s in rows.log if s > rows.seq - self._log_limit)
        entries = [rows.log[s] for s in kept if s > after and (not kinds or rows.log[s].kind in kinds)]
        return entries[:limit], kept[0] if kept else rows.seq + 1

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        dead = self._rows(address).dead
        return [dead[n] for n in sorted(dead) if n > after][:limit]

    async def redrive(self, address: Address, id: str | None) -> int:
        rows = self._rows(address)
        chosen = [d for _, d in sorted(rows.dead.items()) if id is None or d.letter.id == id]
        for dead in chosen:
            letter = dead.letter
            del rows.dead[dead.n]
            rows.inbox.pop(inbox_key(letter), None)
            rows.park(replace(letter, attempts=0, next=0.0))
        return len(chosen)

    async def purge(self, address: Address, id: str | None) -> int:
        rows = self._rows(address)
        chosen = [n for n, d in rows.dead.items() if id is None or d.letter.id == id]
        for n in chosen:
            del rows.dead[n]
        return len(chosen)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return self._page(kind, prefix, cursor, max(1, min(limit, PAGE)))

    def _page(self, kind: str | None, prefix: str, start: str | None, limit: int) -> Page:
        last = None if start is None else _order(position(start))
        found = sorted(
            (
                rows for rows in self._agents.values()
                if rows.state is not None and kind in (None, rows.address.kind) and rows.address.key.startswith(prefix)
                and (last is None or _order(rows.address) > last)
            ),
            key=lambda rows: _order(rows.address),
        )  # fmt: skip
        lines = tuple(Listed(rows.address, rows.version, rows.at, rows.due) for rows in found[:limit])
        return Page(lines, cursor(lines[-1].address) if len(found) > limit else None)

    async def size(self, address: Address) -> int:
        rows = self._rows(address)
        size = len(rows.state or b"") + sum(len(k.encode()) + len(v) for k, v in rows.kv.items())
        size += sum(len(s.key.encode()) + len(s.spec) + len(s.args) for s in rows.schedules.values())
        size += sum(len(h.id.encode()) + len(h.value) for h in rows.inbox.values())
        size += sum(len(e.data) for e in rows.log.values()) + sum(len(e.args) for e in rows.outbox.values())
        size += sum(len(x.args) for x in rows.letters.values()) + rows.jobs.size()
        size += sum(len(d.letter.args) + len(d.error) for d in rows.dead.values())
        return size + sum(len(r.claims or b"") + len(r.attachment or b"") for r in rows.connections.values())

    # For backends whose timers come from the store ----------------------------------------------------

    def due(self, now: float, limit: int) -> Sequence[tuple[Address, float]]:
        """Agents armed for `now` or sooner, or with jobs due then, the earliest first."""
        found = [(rows.address, min(times)) for rows in self._agents.values() if (times := rows.times())]
        return sorted((x for x in found if x[1] <= now), key=lambda x: x[1])[:limit]

    def next_armed(self, after: float) -> float | None:
        """The earliest time later than `after` for which an agent is armed, or at which a job is due."""
        times = (at for rows in self._agents.values() for at in rows.times())
        return min((at for at in times if at > after), default=None)

    def unfinished(self, limit: int, after: Address | None = None) -> Sequence[Address]:
        """Agents with letters, envelopes or claimed jobs left, in the order of listings, greater than `after`."""
        left = sorted((a for a, x in self._agents.items() if x.letters or x.outbox or x.jobs.claimed()), key=_order)
        return [a for a in left if after is None or _order(a) > _order(after)][:limit]

    def ahead(self, addresses: Sequence[Address]) -> Mapping[Address, Snapshot]:
        """Nothing: a load costs nothing here."""
        return {}


def _order(address: Address) -> tuple[str, bytes]:
    return address.kind, address.key.encode()
