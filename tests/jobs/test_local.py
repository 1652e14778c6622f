"""Jobs in a data file: the process dies after each row, and the next one goes on from what is there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, JobDone, Run, Trigger, action, job
from roost.contract.trigger import Call
from roost.hosting.asyncio_host import AsyncioHost
from roost.testing.jobs import JobState, job_state
from roost_local.backend import LocalBackend
from roost_local.store import SqliteStore

RAN: list[str] = []
HERE = Address("worker", "a")


class Sums(BaseModel):
    total: int = 0
    ended: list[int] = []


class Other(Agent[Sums]):
    @action
    async def add(self, n: int) -> int:
        RAN.append(f"other {n}")
        self.state.total += n
        return self.state.total


class Worker(Agent[Sums]):
    @action
    async def begin(self) -> str:
        return self.start("only", self.work, [2, 3]).id

    @job
    async def work(self, run: Run, numbers: list[int]) -> int:
        squares = await asyncio.gather(*(run.step(self.square, n) for n in numbers))
        await run.sleep(0.02)
        total = await run.tick(self.apply, sum(squares))
        return await run.call(self.agent(Other, "x").add, total)

    async def square(self, n: int) -> int:
        RAN.append(f"square {n}")
        return n * n

    async def apply(self, n: int) -> int:
        RAN.append(f"apply {n}")
        self.state.total += n
        return self.state.total

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(done.result(self.work))


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    RAN.clear()
    yield
    RAN.clear()


class Process:
    """One life of a host over the file."""

    def __init__(self, file: Path, dies_after: int = 0, *, restless: bool = False) -> None:
        self.store = SqliteStore.open(file)
        self.backend = LocalBackend(App([Worker, Other]), self.store, restless=restless)
        self.dying = asyncio.Event()
        self.rows = 0
        executor = self.backend.runtime.executor()
        assert executor is not None

        def wrote(*_: object) -> None:
            self.rows += 1
            if self.rows == dies_after:
                self.dying.set()
                raise asyncio.CancelledError

        executor.wrote = wrote
        self.backend.start()

    async def ended(self, id: str) -> JobState:
        async with asyncio.timeout(30):
            while True:
                found = await job_state(self.store.journal, HERE, id)
                if found.status == "ended":
                    return found
                await asyncio.sleep(0.01)

    async def die(self) -> None:
        self.backend.halt()
        await self.backend.loop_host.close()
        await self.backend.fetch.close()
        await self.store.close()


async def begin(process: Process) -> str:
    result = await process.backend.wake(HERE, Trigger("call", Call("begin"), "k1"))
    return str(result.get())


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", range(1, 7))
async def test_the_next_process_goes_on_where_the_last_one_died(tmp_path: Path, row: int, restless: bool) -> None:
    first = Process(tmp_path / "agents.db", row, restless=restless)
    id = await begin(first)
    dying = asyncio.ensure_future(first.dying.wait())
    async with asyncio.timeout(30):
        await asyncio.wait([dying, asyncio.ensure_future(first.ended(id))], return_when=asyncio.FIRST_COMPLETED)
    assert dying.done(), "it ended before it died"
    await first.die()
    second = Process(tmp_path / "agents.db", restless=restless)
    try:
        found = await second.ended(id)
        assert (found.outcome, found.error) == (13, None)
        assert RAN.count("apply 13") == RAN.count("other 13") == 1
        snapshot = await second.backend.runtime.existing(HERE)
        assert snapshot.state == b'{"total":13,"ended":[13]}'
    finally:
        await second.die()


async def test_nothing_of_a_waiting_job_is_in_memory(tmp_path: Path) -> None:
    class Waiter(Agent[Sums]):
        kind = "worker"

        @action
        async def begin(self) -> str:
            return self.start(None, self.work).id

        @job
        async def work(self, run: Run) -> None:
            await run.sleep(3600)

    store = SqliteStore.open(tmp_path / "agents.db")
    backend = LocalBackend(App([Waiter]), store)
    backend.start()
    try:
        id = (await backend.wake(HERE, Trigger("call", Call("begin")))).get()
        executor = backend.runtime.executor()
        assert executor is not None
        async with asyncio.timeout(30):
            while (await job_state(store.journal, HERE, id)).status != "waiting" or executor.carried:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await backend.hibernate(HERE)
        found = await job_state(store.journal, HERE, id)
        assert found.due is not None
        assert found.due > backend.host.now() + 3500
    finally:
        await backend.stop()
        await store.close()


async def test_what_blocks_does_not_stop_the_loop() -> None:
    host, here = AsyncioHost(), threading.get_ident()
    open_it = threading.Event()
    blocked = asyncio.ensure_future(host.in_thread(lambda: (open_it.wait(10), threading.get_ident())))
    await asyncio.sleep(0)
    assert not blocked.done()
    open_it.set()
    done, ident = await blocked
    assert done and ident != here
