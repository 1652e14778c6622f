"""The local store: one SQLite file, write-ahead log, synchronous FULL, group commit. Durable and fast."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

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
from roost.contract.errors import RoostError
from roost.contract.trigger import Source
from roost.hosting.folders import private

from .book import Book
from .datafile import DataFile
from .group import GroupCommit
from .journal import SqliteJournal
from .mail import Mail
from .owner import Owner
from .reads import Reads
from .schema import connect, prepare
from .writes import Writes


class SqliteStore:
    """All agents of one data file. Used from one event loop; `open` makes one."""

    def __init__(self, path: Path, owner: Owner, log_limit: int) -> None:
        """Use `open`."""
        self.path = path
        self._owner = owner
        self._write = connect(path, sqlite3.Connection)
        try:
            prepare(self._write, path)
            self._read = connect(path, sqlite3.Connection)
        except BaseException:
            self._write.close()
            raise
        self._read.execute("PRAGMA query_only=ON")
        book = Book()
        self.file = DataFile(path)
        self.file.check()  # remembers which file it is
        self._group = GroupCommit(self._write, book, self.file)
        self._writes = Writes(self._write, book, log_limit)
        self._mail = Mail(self._writes)
        self._reads = Reads(self._read, book, log_limit, self.file)
        self.journal = SqliteJournal(self._group, self._writes, self._reads)

    @classmethod
    def open(cls, path: str | Path, log_limit: int = 1000) -> SqliteStore:
        """Make or open the file and lock it for this process. `log_limit`: entries an agent's event log keeps.

        RoostError: `data-in-use`, `foreign-data`, or `data-unusable` with what the system said; TransientError
        `newer-schema`.
        """
        path = Path(path).absolute()
        owner: Owner | None = None
        try:
            private(path.parent)
            owner = Owner(path)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            return cls(path, owner, log_limit)
        except (OSError, sqlite3.Error) as error:
            if owner is not None:
                owner.release()
            raise RoostError(f"{path} can't be used: {error}", code="data-unusable", status=503) from error
        except RoostError:
            if owner is not None:
                owner.release()
            raise

    async def close(self) -> None:
        """Finish the writes that were begun, fold the log into the file, unlock it."""
        await self._group.close()
        self._read.close()
        self._write.close()
        self._owner.release()

    @property
    def groups(self) -> int:
        """Transactions so far."""
        return self._group.groups

    @property
    def commits(self) -> int:
        """Writes in them."""
        return self._group.commits

    # Writes ------------------------------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        size = 0 if commit.state is None else len(commit.state)
        for put in commit.kv:
            size += len(put.value or b"")
        return await self._group.add(self._writes.commit, commit, size)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return await self._group.add(self._mail.park, (address, letter, limit, armed), len(letter.args))

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self._group.add(self._mail.settle, (address, ids, armed))

    async def arm(self, address: Address, at: float | None) -> None:
        await self._group.add(self._mail.arm, (address, at))

    async def purge(self, address: Address, id: str | None) -> int:
        return await self._group.add(self._mail.purge, (address, id))

    async def redrive(self, address: Address, id: str | None) -> int:
        return await self._group.add(self._mail.redrive, (address, id))

    # Reads -------------------------------------------------------------------------------------------

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        if lease is not None:
            await self._group.add(self._mail.lease, address)
        return self._reads.load(address)

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return self._reads.get(address, keys)

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return self._reads.scan(address, prefix, after, limit, reverse)

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return self._reads.outcome(address, source, principal, id)

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return self._reads.handled(address, prefix)

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return self._reads.parked(address, after, limit)

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return self._reads.log(address, after, kinds, limit)

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return self._reads.dead(address, after, limit)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return self._reads.page(kind, prefix, cursor, limit)

    async def size(self, address: Address) -> int:
        return self._reads.size(address)

    # For the timers ----------------------------------------------------------------------------------

    def due(self, now: float, limit: int) -> Sequence[tuple[Address, float]]:
        """Agents armed for `now` or sooner, the earliest first."""
        return self._reads.due(now, limit)

    def next_armed(self, after: float) -> float | None:
        """The earliest time later than `after` for which an agent is armed."""
        return self._reads.next_armed(after)

    def unfinished(self, limit: int, after: Address | None = None) -> Sequence[Address]:
        """Agents with letters, envelopes or claimed jobs left, in the order of listings, greater than `after`."""
        return self._reads.unfinished(limit, after)

    def ahead(self, addresses: Sequence[Address]) -> Mapping[Address, Snapshot]:
        """Snapshots of many agents, with two statements for most of them."""
        return self._reads.ahead(addresses)
