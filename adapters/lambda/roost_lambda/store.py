"""The port `Store` over one DynamoDB table (its layout: keys.py), shared by any number of hosts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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

from .answers import Answers
from .client import Client
from .dead import DeadLetters
from .desk import ITEMS, Desk
from .envelopes import Envelopes
from .lease import HeadLease
from .letters import Letters
from .memory import Memory
from .reads import Reads
from .table import Table
from .writes import Writes

if TYPE_CHECKING:
    from .journal import DynamoJournal


class DynamoStore:
    """`log_limit`: entries an agent's event log keeps. `now`: epoch seconds, by which leases end."""

    def __init__(
        self, table: Table, log_limit: int = 1000, *, now: Callable[[], float] = time.time, items: int = ITEMS
    ) -> None:
        self.table = table
        self.memory = Memory()
        self.reads = Reads(table, self.memory, log_limit)
        self.writes = Writes(Desk(table, self.memory, log_limit, now, items), self.reads)
        self.lease = HeadLease(table, self.memory, self.reads, now)
        self.letters = Letters(table, self.reads, now)
        self._journal: DynamoJournal | None = None
        self.answers = Answers(table, now)
        self.envelopes = Envelopes(table, self.memory)
        self.graves = DeadLetters(table, self.memory, self.reads, self.letters)

    @staticmethod
    def open(
        table: str, *, endpoint: str | None = None, region: str | None = None, log_limit: int = 1000
    ) -> DynamoStore:
        """Credentials and, unless given, the region as botocore finds them: the function's environment."""
        return DynamoStore(Table(table, Client(endpoint=endpoint, region=region)), log_limit)

    @property
    def journal(self) -> DynamoJournal:
        """Loaded when the first job is: a cold start pays for each module."""
        if self._journal is None:
            from .journal import DynamoJournal

            self._journal = DynamoJournal(self.table)
        return self._journal

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        if lease is None:
            return await self.reads.glance(address)
        return await self.lease.claim(address, lease)

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self.reads.get(address, keys) if keys else {}

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return await self.reads.scan(address, prefix, after, limit, reverse)

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return await self.reads.outcome(address, source, principal, id)

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return await self.reads.handled(address, prefix)

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        return await self.writes.commit(commit)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return (await self.letters.post(address, letter, limit, armed)).letter

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return await self.reads.parked(address, after, limit)

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self.envelopes.settle(address, ids, armed)

    async def arm(self, address: Address, at: float | None) -> None:
        await self.envelopes.arm(address, at)

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return await self.reads.log(address, after, kinds, limit)

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self.reads.dead(address, after, limit)

    async def purge(self, address: Address, id: str | None) -> int:
        return await self.graves.purge(address, id)

    async def redrive(self, address: Address, id: str | None) -> int:
        return await self.graves.redrive(address, id)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return await self.reads.page(kind, prefix, cursor, limit)

    async def size(self, address: Address) -> int:
        return await self.reads.size(address)
