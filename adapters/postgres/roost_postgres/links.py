"""Connections to PostgreSQL: few, made when they are first needed, each wait for one bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from roost.contract.errors import TransientError

from .faults import fault

if TYPE_CHECKING:
    from asyncpg import Record

    Connection: TypeAlias = asyncpg.Connection[Record]

PATIENCE: Final = 2.0
"""Seconds for which a caller waits for a connection, or for one to be made."""
STATEMENT: Final = 10.0
"""Seconds after which a statement is given up."""


class Links:
    """At most `most` connections. What failed with its connection takes it out: the next caller makes another."""

    def __init__(self, dsn: str, most: int, *, cached: bool = True, patience: float = PATIENCE) -> None:
        """`cached`: statements may be prepared; not behind a pooler that shares sessions."""
        self._dsn = dsn
        self._options: dict[str, Any] = {} if cached else {"statement_cache_size": 0}
        self._patience = patience
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(most)
        self._closed = False

    async def connect(self) -> Connection:
        """A connection of the caller's own. TransientError."""
        try:
            return await asyncpg.connect(
                self._dsn, timeout=self._patience, command_timeout=STATEMENT, **self._options
            )  # fmt: skip
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise fault(error) from error

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[Connection]:
        """TransientError `store-busy`: all are in use, and none came free. What the body raises is left as it is."""
        try:
            await asyncio.wait_for(self._free.acquire(), self._patience)
        except TimeoutError:
            raise TransientError(
                f"no connection to the database came free within {self._patience:.0f} s", code="store-busy"
            ) from None
        link: Connection | None = None
        try:
            if self._closed:
                raise TransientError("the store is closed", code="shutting-down")
            while self._idle and (link is None or link.is_closed()):
                link = self._idle.pop()
            if link is None or link.is_closed():
                link = await self.connect()
            yield link
        finally:
            if link is not None and not link.is_closed():
                if link.is_in_transaction() or self._closed:
                    link.terminate()  # whatever left it so, nothing of it may be committed by the next one
                else:
                    self._idle.append(link)
            self._free.release()

    async def close(self) -> None:
        self._closed = True
        idle, self._idle = self._idle, []
        for link in idle:
            with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await link.close(timeout=self._patience)
