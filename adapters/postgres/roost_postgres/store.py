"""The store of a pool: PostgreSQL, shared by equal workers. Fills the ports `Store` and `Journal`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

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
from roost.contract.listing import position
from roost.contract.trigger import Source

from . import mail, reads
from .access import Access
from .book import Book
from .group import GroupCommit
from .journal import PostgresJournal
from .links import Links
from .schema import prepare

if TYPE_CHECKING:
    from .links import Connection

T = TypeVar("T")
READS: Final = 8
"""Connections of one worker besides the one that commits."""


def _token() -> bytes:
    return secrets.token_bytes(12)


class PostgresStore:
    """All agents of one database. Used from one event loop; `open` makes one."""

    def __init__(self, dsn: str, log_limit: int, *, cached: bool, token: Callable[[], bytes]) -> None:
        """Use `open`."""
        self.dsn, self.cached = dsn, cached
        self._log_limit = log_limit
        self._commits = Links(dsn, 1, cached=cached)
        self._links = Links(dsn, READS, cached=cached)
        self.book = Book()
        self.access = Access(self._links)
        """For what stands beside the store too: hosts' rows, who holds what."""
        self._group = GroupCommit(self._commits, self.book, log_limit, token)
        self.took: Callable[[Address, str, int], object] = lambda address, owner, fence: None
        """Told what was taken, by whom and with which fence, before anybody has what was read."""
        self.journal = PostgresJournal(self.access)

    @classmethod
    async def open(
        cls, dsn: str, log_limit: int = 1000, *, cached: bool = True, token: Callable[[], bytes] = _token
    ) -> PostgresStore:
        """Connect, and make or check the tables. `log_limit`: entries an agent's event log keeps. `cached`: False
        behind a pooler that shares sessions. TransientError: it can't be reached, or `newer-schema`."""
        store = cls(dsn, log_limit, cached=cached, token=token)
        try:
            await store.access.read(prepare)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Finish the writes that were begun, and hang up."""
        await self._group.close()
        await self.access.close()
        await self._commits.close()
        await self._links.close()

    @property
    def groups(self) -> int:
        """Statements and transactions that commits took so far."""
        return self._group.groups

    @property
    def commits(self) -> int:
        """Commits in them."""
        return self._group.commits

    async def _of(self, address: Address, work: Callable[[Connection, int], Awaitable[int]]) -> int:
        """What `work` does with an agent's id; 0: there is no such agent."""

        async def change(link: Connection) -> int:
            aid = await self.book.find(link, address)
            return 0 if aid is None else await work(link, aid)

        return await self.access.write(change)

    # Writes ------------------------------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        return await self._group.add(commit)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return await self.access.in_turn(
            address, lambda link: mail.park(link, self.book, address, letter, limit, armed)
        )

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self.access.write(lambda link: mail.settle(link, address, ids, armed))

    async def arm(self, address: Address, at: float | None) -> None:
        await self.access.write(lambda link: mail.arm(link, address, at))

    async def purge(self, address: Address, id: str | None) -> int:
        return await self._of(address, lambda link, aid: mail.purge(link, aid, id))

    async def redrive(self, address: Address, id: str | None) -> int:
        return await self._of(address, lambda link, aid: mail.redrive(link, aid, id))

    # Reads -------------------------------------------------------------------------------------------

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        if lease is not None:
            taken = await self.access.write(lambda link: mail.claim(link, self.book, address, lease))
            if isinstance(taken, Snapshot):
                self.took(address, lease.owner, taken.fence)
            return taken
        aid, found = await self.access.read(lambda link: reads.load(link, address))
        if aid is not None:
            self.book.learn(address, aid)
        return found

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self.access.read(lambda link: reads.get(link, address, keys))

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return await self.access.read(lambda link: reads.scan(link, address, prefix, after, limit, reverse))

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return await self.access.read(lambda link: reads.outcome(link, address, source, principal, id))

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return await self.access.read(lambda link: reads.own(link, address, prefix))

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return await self.access.read(lambda link: reads.parked(link, address, after, limit))

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return await self.access.read(lambda link: reads.log(link, address, after, kinds, limit, self._log_limit))

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self.access.read(lambda link: reads.dead(link, address, after, limit))

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        if cursor is not None:
            position(cursor)
        return await self.access.read(lambda link: reads.page(link, kind, prefix, cursor, limit))

    async def size(self, address: Address) -> int:
        return await self.access.read(lambda link: reads.size(link, address))
