"""The local store in a simulation: its own statements on a real file, its group commit without the thread.

The worker that does nothing but COMMIT is the loop itself, so that when a group is durable is a matter of the seed.
A host that dies leaves a group that was under way either committed or not.
"""

from __future__ import annotations

import sqlite3
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

from roost.testing.faults import Faults
from roost_local.book import Book
from roost_local.group import GroupCommit
from roost_local.journal import SqliteJournal
from roost_local.mail import Mail
from roost_local.reads import Reads
from roost_local.schema import connect, prepare
from roost_local.store import SqliteStore
from roost_local.writes import Writes

T = TypeVar("T")
W = TypeVar("W")
MEMORY: Final = Path("/dev/shm")
FAILING: Final = 0.01
"""Share of writes of which a statement fails after others have run."""
AGAIN: Final = 0.7
"""And of those, the share that fails in its savepoint too."""


class Inline(SimpleQueue[bool]):
    """Stands where the worker's queue does: COMMIT comes with the loop's next turn."""

    def __new__(cls, group: InlineGroup) -> Inline:
        return super().__new__(cls)

    def __init__(self, group: InlineGroup) -> None:
        self._group = group

    def put(self, item: bool, block: bool = True, timeout: float | None = None) -> None:
        if item:
            get_running_loop().call_soon(self._group.finish)


class InlineGroup(GroupCommit):
    """Group commit on one thread."""

    def __init__(self, connection: sqlite3.Connection, book: Book, faults: Faults) -> None:
        super().__init__(connection, book)
        self._faults = faults
        self._queue = Inline(self)
        self.dead = False

    def add(self, apply: Callable[[W], T], what: W, size: int = 0) -> Future[T]:
        failed = False

        def shaky(what: W) -> T:
            nonlocal failed
            answer = apply(what)
            if self._faults.on and self._faults.flip(AGAIN if failed else FAILING):
                failed = True
                self._faults.strike("sqlite.statement", "fail")
                raise sqlite3.OperationalError("injected: a statement failed half way")
            return answer

        return super().add(shaky, what, size)

    def _start(self) -> AbstractEventLoop:
        self._loop = get_running_loop()
        return self._loop

    def _flush(self) -> None:
        if not self.dead:
            super()._flush()

    def finish(self) -> None:
        """Make the group that is under way durable."""
        if not self.dead and self._connection.in_transaction:
            self._connection.execute("COMMIT")
            self._committed(None)


class SimulatedSqlite(SqliteStore):
    """One process's store on a file that outlives it."""

    def __init__(self, path: Path, log_limit: int, faults: Faults) -> None:
        self.path = path
        self._write = connect(path, sqlite3.Connection)
        self._read = connect(path, sqlite3.Connection)
        for connection in (self._write, self._read):
            connection.execute("PRAGMA synchronous=OFF")  # the machine that runs this does not lose power
        book = Book()
        self._group = self.group = InlineGroup(self._write, book, faults)
        self._writes = Writes(self._write, book, log_limit)
        self._mail = Mail(self._writes)
        self._reads = Reads(self._read, book, log_limit)
        self.journal = SqliteJournal(self._group, self._writes, self._reads)

    def die(self, rng: Random) -> None:
        """The process is killed: what was under way is durable or was never there."""
        if rng.random() < 0.5:
            self.group.finish()
        self.group.dead = True
        self.drop()

    def drop(self) -> None:
        """Let go of the file."""
        if self._write.in_transaction:
            self._write.execute("ROLLBACK")
        self._read.close()
        self._write.close()


@cache
def blank() -> bytes:
    """An empty file of the local store."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "blank.db"
        connection = connect(path, sqlite3.Connection)
        prepare(connection, path)
        connection.close()
        return path.read_bytes()


@contextmanager
def data() -> Generator[Path]:
    """A fresh file of the local store."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(folder) / "agents.db"
        path.write_bytes(blank())
        yield path
