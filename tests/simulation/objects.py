"""Cloudflare's store in a simulation: one object an agent, its own statements over SQLite, the crossing left out.

What the adapter imports from JavaScript is replaced while its store is imported; the rest of it is as it is deployed.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final, cast

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
from roost.contract.job import Claim
from roost.contract.trigger import Source
from roost.journal import Journal
from roost.ports import Store

INTEROP: Final = "roost_cloudflare.interop"


class Tables:
    """Stands where `interop.Sql` does: the tables of one object, in memory."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.create_function("unhex", 1, _unhex)  # workerd's SQLite has it, older ones do not

    def run(self, sql: str, *values: Any) -> int:
        if not values and sql.count(";") > 1:
            self._connection.executescript(sql)
            return 0
        return max(0, self._connection.execute(sql, values).rowcount)

    def rows(self, sql: str, *values: Any) -> list[list[Any]]:
        return [list(row) for row in self._connection.execute(sql, values).fetchall()]

    changed = rows

    def atomic(self, work: Callable[[], None]) -> None:
        self._connection.execute("BEGIN")
        try:
            work()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def size(self) -> int:
        return 0

    def armed(self) -> float | None:
        """What the platform's alarm is set to."""
        found = self.rows("SELECT armed FROM head")
        return found[0][0] if found else None

    def job_due(self) -> float | None:
        """And for its jobs: the platform has one alarm, set to the earlier of both."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name='job'"):
            return None
        due: float | None = self.rows("SELECT min(due) FROM job WHERE held<>1")[0][0]
        return due


def _unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


class Unlisted:
    """Stands where the registry's line does."""

    def lives(self, exists: bool) -> None: ...
    def announce(self, c: Commit) -> None: ...
    def committed(self, c: Commit) -> None: ...


def object_store() -> Callable[..., Store]:
    """The class `ObjectStore`, imported without JavaScript."""
    if "roost_cloudflare.store" not in sys.modules:
        door = ModuleType(INTEROP)
        door.__dict__.update(Sql=Tables, blob=bytes)
        sys.modules[INTEROP] = door
        try:
            import_module("roost_cloudflare.store")
        finally:
            del sys.modules[INTEROP]
    made: Callable[..., Store] = sys.modules["roost_cloudflare.store"].ObjectStore
    return made


class Journals:
    """Each method goes to the object of its agent."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def __getattr__(self, method: str) -> Any:
        async def call(first: Address | Claim, *rest: Any, **more: Any) -> Any:
            address = first.address if isinstance(first, Claim) else first
            return await getattr(self._objects.at(address).journal, method)(first, *rest, **more)

        return call


class Objects:
    """All objects of one namespace, as one store: the agent's own answers for it."""

    def __init__(self, log_limit: int, disks: dict[Address, Tables] | None = None) -> None:
        self._log_limit = log_limit
        self.disks: dict[Address, Tables] = {} if disks is None else disks
        self._stores: dict[Address, Store] = {}

    def at(self, address: Address) -> Store:
        """The store of one agent."""
        found = self._stores.get(address)
        if found is None:
            disk = self.disks.setdefault(address, Tables())
            found = self._stores[address] = object_store()(disk, address, Unlisted(), self._log_limit)
        return found

    @property
    def journal(self) -> Journal:
        return cast(Journal, Journals(self))

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        return await self.at(address).load(address, lease)

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self.at(address).get(address, keys)

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return await self.at(address).scan(address, prefix, after, limit, reverse)

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return await self.at(address).handled(address, prefix)

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return await self.at(address).outcome(address, source, principal, id)

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        return await self.at(commit.address).commit(commit)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return await self.at(address).park(address, letter, limit, armed)

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return await self.at(address).parked(address, after, limit)

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self.at(address).settle(address, ids, armed)

    async def arm(self, address: Address, at: float | None) -> None:
        await self.at(address).arm(address, at)

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return await self.at(address).log(address, after, kinds, limit)

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self.at(address).dead(address, after, limit)

    async def purge(self, address: Address, id: str | None) -> int:
        return await self.at(address).purge(address, id)

    async def redrive(self, address: Address, id: str | None) -> int:
        return await self.at(address).redrive(address, id)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return Page((), None)

    async def size(self, address: Address) -> int:
        return await self.at(address).size(address)

    # The platform's alarms: each object has its own, and nobody scans ------------------------------------

    def due(self, now: float, limit: int) -> Sequence[tuple[Address, float]]:
        armed = [(a, t) for a, t in self._armed() if t <= now]
        return sorted(armed, key=lambda x: x[1])[:limit]

    def next_armed(self, after: float) -> float | None:
        return min((t for _, t in self._armed() if t > after), default=None)

    def unfinished(self, limit: int, after: Address | None = None) -> Sequence[Address]:
        return ()

    def ahead(self, addresses: Sequence[Address]) -> Mapping[Address, Snapshot]:
        return {}

    def _armed(self) -> Sequence[tuple[Address, float]]:
        found = [(a, disk) for a, disk in self.disks.items() if a in self._stores]
        return [(a, t) for a, disk in found for t in (disk.armed(), disk.job_due()) if t is not None]
