"""Group commit: the commits of many agents in one statement, at most one of each. What comes meanwhile is the next.

A commit's answer that was lost is settled before anybody is told: its token is looked for, and in the same write the
fence is raised, after which nothing in flight can pass. So `Unknown` is left for a database that can't be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from roost.contract.address import Address
from roost.contract.commit import AlreadyHandled, Commit, Committed
from roost.contract.errors import RoostError, TransientError

from . import alone
from .faults import again, bad, fault, lost, unknown
from .statement import Group, common

if TYPE_CHECKING:
    from asyncio import Future, Task

    from .book import Book
    from .links import Connection, Links

Answer: TypeAlias = Committed | AlreadyHandled
WRITES: Final = 256
BYTES: Final = 8 << 20
"""The most one group holds."""
TRIES: Final = 5
"""Of a group that others' locks were in the way of."""
_SETTLE: Final = (
    "UPDATE roost.head SET fence=fence+1 WHERE kind=$1 AND key=$2 AND fence=$3 RETURNING version,token"
)  # fmt: skip


class Write(NamedTuple):
    """One caller's commit."""

    commit: Commit
    future: Future[Answer]
    size: int
    token: bytes


class GroupCommit:
    """Uses one connection of `links` at a time."""

    def __init__(self, links: Links, book: Book, log_limit: int, token: Callable[[], bytes]) -> None:
        """`token`: random bytes, new each time."""
        self._links = links
        self._book = book
        self._log_limit = log_limit
        self._token = token
        self._pending: list[Write] = []
        self._task: Task[None] | None = None
        self._closed = False
        self.groups = 0
        self.commits = 0

    def add(self, commit: Commit) -> Future[Answer]:
        """Queue a commit; the future settles when it is durable or refused."""
        future: Future[Answer] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_exception(TransientError("the store is closed", code="shutting-down"))
            return future
        size = len(commit.state or b"") + sum(len(put.value or b"") for put in commit.kv)
        self._pending.append(Write(commit, future, size, self._token()))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return future

    async def close(self) -> None:
        """Finish what was queued."""
        self._closed = True
        if self._task is not None:
            await self._task

    # Groups ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._pending:
                group = self._take()
                try:
                    async with self._links.one() as link:
                        doubtful = await self._write(link, group)
                    if doubtful is not None:
                        await self._settle(group, doubtful)
                except Exception as error:  # no connection: nothing of the group was sent
                    problem = fault(error)
                    for write in group:
                        _fail(write, problem)
        finally:
            self._task = None

    def _take(self) -> list[Write]:
        """The next group. A rare commit is one alone; another of the same agent waits."""
        group: list[Write] = []
        left: list[Write] = []
        agents = set[Address]()
        size = 0
        for write in self._pending:
            address = write.commit.address
            full = len(group) >= WRITES or (group and size + write.size > BYTES)
            rare = group and not (common(group[0].commit) and common(write.commit))
            if full or rare or address in agents:
                left.append(write)
                agents.add(address)  # what comes later of the same agent must not pass it
                continue
            agents.add(address)
            group.append(write)
            size += write.size
        self._pending = left
        return group

    async def _write(self, link: Connection, group: list[Write]) -> Exception | None:
        """See that each is answered; with what error the answer was lost of those that are not."""
        for _ in range(TRIES):
            try:
                if common(group[0].commit):
                    await self._together(link, group)
                else:
                    await self._alone(link, group[0])
                self.groups += 1
                return None
            except RoostError as refusal:
                _fail(group[0], refusal)
                return None
            except Exception as error:
                if again(error):
                    continue
                if bad(error) and len(group) > 1:
                    half = len(group) // 2
                    first = await self._write(link, group[:half])
                    return await self._write(link, group[half:]) or first
                if lost(error):
                    link.terminate()
                    return error
                for write in group:
                    _fail(write, fault(error))
                return None
        for write in group:
            _fail(write, TransientError("others' writes were in the way", code="storage"))
        return None

    async def _together(self, link: Connection, group: list[Write]) -> None:
        values, made = Group(self._log_limit), set[int]()
        for o, write in enumerate(group):
            c = write.commit
            aid = self._book.known(c.address)
            if aid is None and (c.base or c.generation > 1 or c.fence):
                aid = await self._book.find(link, c.address)
                if aid is None:
                    continue  # it is not there: `why` says so
            fresh = aid is None
            if fresh:
                made.add(o)
            try:
                values.add(o, await self._book.fresh(link) if aid is None else aid, c, write.token, fresh=fresh)
            except ValueError as error:
                _fail(write, fault(error))
        passed = set[int]()
        if not values.empty:
            sql, columns = values.statement()
            passed = {row[0] for row in await link.fetch(sql, *columns)}
        for o, write in enumerate(group):
            if o in passed:
                self.commits += 1
                _answer(write, Committed(write.commit.version))
            elif not write.future.done():
                await self._refuse(link, write, o in made)

    async def _refuse(self, link: Connection, write: Write, made: bool) -> None:
        """Read again what speaks against it. `made`: it was to make its agent, which may be there by now."""
        try:
            aid = await self._book.find(link, write.commit.address)
            if made and aid is not None:
                self._pending.insert(0, write)  # it goes again, and now its agent has an id
            else:
                _answer(write, await alone.why(link, aid, write.commit))
        except RoostError as refusal:
            _fail(write, refusal)
        except Exception as error:
            _fail(write, fault(error))
            if lost(error):
                link.terminate()

    async def _alone(self, link: Connection, write: Write) -> None:
        c = write.commit
        async with link.transaction():
            aid = await self._book.find(link, c.address)
            if aid is None:
                aid = await alone.make(link, await self._book.fresh(link), *c.address)
            answer = await alone.commit(link, aid, c, write.token, self._log_limit)
        self.commits += 1
        _answer(write, answer)

    # Lost answers ------------------------------------------------------------------------------------

    async def _settle(self, group: Sequence[Write], error: Exception) -> None:
        """What became of commits whose answer was lost."""
        for write in group:
            if write.future.done():
                continue
            c = write.commit
            try:
                async with self._links.one() as link:
                    found = await link.fetchrow(_SETTLE, c.address.kind.encode(), c.address.key.encode(), c.fence)
            except Exception as problem:
                _fail(write, unknown(problem if lost(problem) else error))
                continue
            if found is not None and found[0] == c.version and found[1] == write.token:
                _answer(write, Committed(c.version))
            elif found is not None:
                _fail(write, TransientError("the connection to the database broke before the commit", code="storage"))
            else:  # never made, or somebody has taken the agent since: the engine looks
                _fail(write, unknown(error))


def _answer(write: Write, answer: Answer) -> None:
    if not write.future.done():
        write.future.set_result(answer)


def _fail(write: Write, error: RoostError) -> None:
    if not write.future.done():
        write.future.set_exception(error)
