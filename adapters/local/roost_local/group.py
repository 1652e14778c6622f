"""Group commit: the writes of many agents share one transaction and one fsync.

Statements run on the loop's thread, between two groups; one worker thread does nothing but `COMMIT`, so that
no two threads fight for the interpreter and a group costs one hop there and back. What arrives meanwhile is
the next group.

Every write checks before it changes anything, so most need no savepoint: a refusal has written nothing. If a
statement fails otherwise, the transaction is rolled back and the group run again with a savepoint around each
write: the bad one is told so, its neighbours commit.
"""

from __future__ import annotations

import sqlite3
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeAlias, TypeVar

from roost.contract.errors import RoostError, TransientError

from .book import Book
from .datafile import DataFile
from .faults import Undone, fault, lost

T = TypeVar("T")
W = TypeVar("W")
WRITES: Final = 512
BYTES: Final = 8 << 20
"""The most one group holds: the loop stands still while its statements run."""


Write: TypeAlias = tuple[Callable[[Any], Any], Any, Future[Any], int]
"""One caller's part of a group: (what runs its statements, what that takes, its future, bytes). A RoostError of the
first says that it has written nothing."""


class GroupCommit:
    """Owns the write connection. `book`: agent ids that become known with the group, or are forgotten."""

    def __init__(self, connection: sqlite3.Connection, book: Book, file: DataFile | None = None) -> None:
        self._connection = connection
        self._book = book
        self._file = file
        self._pending: list[Write] = []
        self._size = 0
        self._busy = False
        """A flush is scheduled or a COMMIT under way."""
        self._group: list[tuple[Future[Any], Any]] = []
        self._loop: AbstractEventLoop | None = None
        self._queue: SimpleQueue[bool] = SimpleQueue()
        self._closing: Future[None] | None = None
        self.groups = 0
        self.commits = 0

    def add(self, apply: Callable[[W], T], what: W, size: int = 0) -> Future[T]:
        """Queue a write; the future settles when it is durable or refused."""
        loop = self._loop or self._start()
        future: Future[T] = loop.create_future()
        if self._closing is not None:
            future.set_exception(TransientError("the store is closed", code="shutting-down"))
            return future
        self._pending.append((apply, what, future, size))
        self._size += size
        if not self._busy:
            self._busy = True
            loop.call_soon(self._flush)
        return future

    def _start(self) -> AbstractEventLoop:
        self._loop = get_running_loop()
        Thread(target=self._work, args=(self._loop,), name="roost-commit", daemon=True).start()
        return self._loop

    # A group -----------------------------------------------------------------------------------------

    def _take(self) -> list[Write]:
        pending = self._pending
        if len(pending) <= WRITES and self._size <= BYTES:
            self._pending, self._size = [], 0
            return pending
        count = size = 0
        for write in pending[:WRITES]:
            size += write[3]
            if count and size > BYTES:
                size -= write[3]
                break
            count += 1
        self._pending = pending[count:]
        self._size -= size
        return pending[:count]

    def _flush(self) -> None:
        batch = self._take()
        try:
            if self._file is not None:
                self._file.check()
            self._connection.execute("BEGIN IMMEDIATE")
            answers = self._run(batch)
        except Exception as error:
            self._undo()
            problem = fault(error, self._file)
            self._group = [(future, problem) for _, _, future, _ in batch]
            self._settle()
            return
        self._group = [(write[2], answer) for write, answer in zip(batch, answers, strict=True)]
        self._queue.put(True)

    def _run(self, batch: list[Write]) -> list[Any]:
        answers: list[Any] = []
        for apply, what, _, _ in batch:
            try:
                answers.append(apply(what))
            except RoostError as refusal:
                answers.append(refusal)
            except Exception:
                return self._run_apart(batch)
        return answers

    def _run_apart(self, batch: list[Write]) -> list[Any]:
        """Again, each write in its savepoint. Raises if SQLite gave the whole transaction up."""
        self._undo()
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        answers: list[Any] = []
        for apply, what, _, _ in batch:
            execute("SAVEPOINT one")
            kept = dict(self._book.fresh)
            try:
                answers.append(apply(what))
            except Exception as error:
                if not self._connection.in_transaction:
                    raise
                execute("ROLLBACK TO one")
                self._book.fresh = kept
                answers.append(error.answer if isinstance(error, Undone) else fault(error))
            execute("RELEASE one")
        return answers

    def _undo(self) -> None:
        self._book.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    # The worker --------------------------------------------------------------------------------------

    def _work(self, loop: AbstractEventLoop) -> None:
        while self._queue.get():
            error: Exception | None = None
            try:
                self._connection.execute("COMMIT")
            except Exception as problem:
                error = problem
            if not self._tell(loop, self._committed, error):
                return
        with suppress(sqlite3.Error):  # what is left of the log is replayed at the next start
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._tell(loop, self._closed)

    @staticmethod
    def _tell(loop: AbstractEventLoop, call: Callable[..., None], *args: Any) -> bool:
        try:
            loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop was closed under us; what was committed stays so
            return False
        return True

    def _committed(self, error: Exception | None) -> None:
        if error is None:
            self._book.keep()
            self.groups += 1
            self.commits += len(self._group)
        else:
            self._undo()
            problem = lost(error)
            self._group = [(f, a if isinstance(a, RoostError) else problem) for f, a in self._group]
        self._settle()

    def _settle(self) -> None:
        group, self._group = self._group, []
        for future, answer in group:
            if future.done():
                continue  # its caller was cancelled
            if isinstance(answer, RoostError):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if self._pending:
            assert self._loop is not None
            self._flush()
        else:
            self._busy = False
            if self._closing is not None:
                self._queue.put(False)

    # The end -----------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Finish what was queued, then fold the write-ahead log into the file."""
        if self._closing is None:
            loop = self._loop or self._start()
            self._closing = loop.create_future()
            if not self._busy:
                self._queue.put(False)
        await self._closing

    def _closed(self) -> None:
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)
