"""How everything but commits reaches the database: reads, and writes in a transaction of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from roost.contract.address import Address
from roost.contract.errors import RoostError, TransientError

from .faults import again, bad, fault, lost, unknown

if TYPE_CHECKING:
    from asyncio import Future

    from asyncpg import Record

    from .links import Connection, Links

T = TypeVar("T")
TRIES: Final = 5
"""Of a transaction that others' locks were in the way of."""
BATCH: Final = 64
"""Writes of one agent that share a transaction."""


class Turn(NamedTuple):
    """One caller's write."""

    work: Callable[[Connection], Awaitable[Any]]
    future: Future[Any]


class Access:
    """Uses the connections of `links`."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._lines: dict[Address, list[Turn]] = {}
        """Agents that are written to, and what waits for them."""
        self._tasks = set[asyncio.Task[Any]]()

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Statements that change nothing. TransientError."""
        async with self._links.one() as link:
            try:
                return await work(link)
            except RoostError:
                raise
            except Exception as error:
                if lost(error):
                    link.terminate()
                raise fault(error) from error

    async def rows(self, sql: str, *values: Any) -> list[Record]:
        return await self.read(lambda link: link.fetch(sql, *values))

    async def write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """A transaction. What `work` raises rolls it back. A caller who leaves cancels nothing (rule 10)."""
        return await asyncio.shield(self._spawn(self._write(work)))

    async def in_turn(self, address: Address, work: Callable[[Connection], Awaitable[T]]) -> T:
        """The same after all that this worker writes so for the agent, and with what waits meanwhile: those would only
        wait for each other's lock. A RoostError that `work` raises says that it has written nothing."""
        future: Future[T] = asyncio.get_running_loop().create_future()
        line = self._lines.get(address)
        if line is None:
            self._lines[address] = [Turn(work, future)]
            self._spawn(self._serve(address))
        else:
            line.append(Turn(work, future))
        return await future

    async def close(self) -> None:
        """Finish what was begun."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        for _ in range(TRIES):
            async with self._links.one() as link:
                try:
                    async with link.transaction():
                        return await work(link)
                except RoostError:
                    raise
                except Exception as error:
                    if again(error):
                        continue
                    if lost(error):
                        link.terminate()
                    raise unknown(error) from error
        raise TransientError("others' writes were in the way", code="storage")

    async def _serve(self, address: Address) -> None:
        while line := self._lines[address]:
            batch, self._lines[address] = line[:BATCH], line[BATCH:]
            await self._batch(batch)
        del self._lines[address]

    async def _batch(self, batch: list[Turn]) -> None:
        async def all_of_it(link: Connection) -> list[Any]:
            answers: list[Any] = []
            for turn in batch:
                try:
                    answers.append(await turn.work(link))
                except RoostError as refusal:
                    answers.append(refusal)
            return answers

        answers: list[object]
        try:
            answers = await self._write(all_of_it)
        except RoostError as error:
            if len(batch) > 1 and error.__cause__ is not None and bad(error.__cause__):
                for turn in batch:  # one of them is: its neighbours are not to suffer
                    await self._batch([turn])
                return
            answers = [error for _ in batch]
        except Exception as error:
            answers = [fault(error) for _ in batch]
        for turn, answer in zip(batch, answers, strict=True):
            if turn.future.done():
                continue  # its caller was cancelled
            if isinstance(answer, RoostError):
                turn.future.set_exception(answer)
            else:
                turn.future.set_result(answer)
