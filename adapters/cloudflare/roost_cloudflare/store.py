"""The store of one Durable Object: `ctx.storage.sql`. One object is one agent.

The platform holds back whatever leaves an object until what was written before is durable (its output gate),
and resets the object when that fails. So a commit is as good as durable when `transactionSync` returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from roost.contract.address import Address
from roost.contract.commit import (
    AlreadyHandled,
    Busy,
    Commit,
    Committed,
    DeadLetter,
    Entry,
    Handled,
    Lease,
    Letter,
    Page,
    Snapshot,
)
from roost.contract.trigger import Source

from .interop import Sql
from .reads import Reads
from .schema import TABLES
from .writes import Writes

if TYPE_CHECKING:
    from .registry import Listing


class ObjectStore:
    """Fills the port `Store` for the one agent of its object."""

    def __init__(self, sql: Sql, address: Address, listing: Listing, log_limit: int) -> None:
        self.sql = sql
        self.address = address
        self.listing = listing
        sql.run(TABLES)
        self._reads = Reads(sql, address, log_limit)
        self.journal = self._reads.journal
        self._writes = Writes(sql, address, log_limit, self.journal)
        ring = self._reads.ring
        if ring is not None and ring != log_limit:
            self._turn(log_limit)

    @staticmethod
    def whose(sql: Sql) -> Address | None:
        """The agent whose tables these are, where the platform does not tell."""
        if not sql.rows("SELECT 1 FROM sqlite_master WHERE name='head'"):
            return None
        found = sql.rows("SELECT kind,key FROM head")
        return Address(found[0][0], found[0][1]) if found else None

    def _turn(self, ring: int) -> None:
        """The app's limit changed: put each entry into its new slot."""
        sql = self.sql

        def work() -> None:
            sql.run("CREATE TABLE log2(slot INTEGER PRIMARY KEY, seq INTEGER, kind TEXT, data, at REAL)")
            sql.run(
                "INSERT INTO log2 SELECT seq % ?, seq, kind, data, at FROM log ORDER BY seq DESC LIMIT ?", ring, ring
            )
            sql.run("DROP TABLE log")
            sql.run("ALTER TABLE log2 RENAME TO log")
            sql.run("UPDATE head SET ring=?", ring)

        sql.atomic(work)

    @property
    def reads(self) -> Reads:
        return self._reads

    # Writes ------------------------------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        self.listing.announce(commit)
        done = self._writes.commit(commit)
        if isinstance(done, Committed):
            self.listing.committed(commit)
        return done

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return self._writes.park(letter, limit, armed)

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        self._writes.settle(list(ids), armed)

    async def arm(self, address: Address, at: float | None) -> None:
        self._writes.arm(at)

    async def purge(self, address: Address, id: str | None) -> int:
        return self._writes.purge(id)

    async def redrive(self, address: Address, id: str | None) -> int:
        return self._writes.redrive(id)

    # Reads -------------------------------------------------------------------------------------------

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        if lease is not None:
            self._writes.lease()
        found = self._reads.load()
        self.listing.lives(found.exists)
        return found

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return self._reads.get(keys)

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return self._reads.scan(prefix, after, limit, reverse)

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return self._reads.handled(prefix)

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return self._reads.outcome(source, principal, id)

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return self._reads.parked(after, limit)

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return self._reads.log(after, kinds, limit)

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return self._reads.dead(after, limit)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return await self.listing.page(kind, prefix, cursor, limit)

    async def size(self, address: Address) -> int:
        return self._reads.size()
