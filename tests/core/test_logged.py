"""What is wrong and nobody is told: it says so in the log, once, with the agent and the action."""

from __future__ import annotations

import asyncio
import gc
import logging
import time

import pytest

from roost import Agent, App, action
from roost.contract.address import Address
from roost.contract.errors import RoostError, TransientError
from roost.contract.trigger import Call, Trigger
from roost.hosting.asyncio_host import report_lost_tasks
from roost.hosting.memory import MemoryStore
from roost.testing import world
from roost_local.backend import LocalBackend

pytestmark = pytest.mark.anyio


class Careless(Agent):
    @action
    async def block(self, seconds: float, first: bool = False) -> None:
        if first:
            await asyncio.sleep(0)
        time.sleep(seconds)  # noqa: ASYNC251 that is the point

    @action
    async def lose(self) -> None:
        async def work() -> None:
            await asyncio.sleep(0)
            self.tell(self.block, 1.0)

        asyncio.create_task(work())  # noqa: RUF006 that is the point

    @action
    async def store(self) -> None:
        self.kv.put("a", 1)


@pytest.mark.parametrize("first", [False, True])
async def test_a_blocked_loop(first: bool, caplog: pytest.LogCaptureFixture) -> None:
    backend = LocalBackend(App([Careless]), MemoryStore())
    try:
        for seconds in (0.0, 0.3):
            caplog.clear()
            await backend.wake(Address("careless", "a"), Trigger("call", Call("block", (seconds, first))))
            said = [r.getMessage() for r in caplog.records if "blocked" in r.getMessage()]
            assert len(said) == (seconds > 0.25), said
            assert all(line.startswith("careless/a block blocked the host for 0.3") for line in said), said
    finally:
        await backend.stop()


async def test_a_store_that_fails(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(App([Careless])) as w:
        careless = w.agent(Careless, "a")
        await careless.store()

        async def full(commit: object) -> None:
            raise TransientError("the store failed: database or disk is full", code="storage")

        monkeypatch.setattr(w.store, "commit", full)
        caplog.clear()
        with pytest.raises(RoostError, match="disk is full"):
            await careless.store()
        said = [r.getMessage() for r in caplog.records]
        assert said == ["careless/a store was not stored: the store failed: database or disk is full"], said


def test_a_lost_task(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        report_lost_tasks(asyncio.get_running_loop())
        async with world(App([Careless])) as w:
            await w.agent(Careless, "a").lose()
            await w.settle()
            gc.collect()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    said = [r for r in caplog.records if "began a task" in r.getMessage()]
    assert [r.getMessage() for r in said] == ["careless/a lose began a task that failed, and did not await it"], said
    assert "tell careless.block: the tick is over" in caplog.text
