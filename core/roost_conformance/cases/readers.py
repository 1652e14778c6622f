"""Readonly actions: on the committed snapshot, beside ticks, without a write."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.barrier import Barrier
from ..probes.refusal import refusal
from ..stage import Stage


@case("9", "a readonly action does not wait for the tick that runs, and sees nothing of it")
async def reader_sees_the_committed_snapshot(stage: Stage) -> None:
    async with stage.client() as client:
        reader, gate = client.agent("reader", stage.key()), Barrier(stage, client)
        await reader.call("write", "first")
        write = asyncio.create_task(reader.call("write", "second", gate.key))
        await gate.arrived()
        async with asyncio.timeout(5):
            assert await reader.call("read") == ["first", "first"], "it saw what is not committed"
        assert not write.done()
        await gate.open()
        await write
        assert await reader.call("read") == ["second", "second"]


@case("9", "a long readonly action holds nothing up, and goes on with the snapshot it began with")
async def reader_holds_nothing_up(stage: Stage) -> None:
    async with stage.client() as client:
        reader, gate = client.agent("reader", stage.key()), Barrier(stage, client)
        await reader.call("write", "first")
        slow = asyncio.create_task(reader.call("read_slowly", gate.key))
        await gate.arrived()
        async with asyncio.timeout(5):
            await reader.call("write", "second")
        await gate.open()
        assert await slow == "first", "its snapshot changed under it"
        assert await reader.call("read") == ["second", "second"]


@case("9", "every write in a readonly action fails it, and nothing is stored or sent")
async def reader_may_not_write(stage: Stage) -> None:
    async with stage.agent("reader") as reader:
        await reader.call("write", "first")
        before = await reader.snapshot()
        for how in ("state", "kv", "delete", "record", "tell", "schedule", "unschedule", "broadcast"):
            error = await refusal(reader.call("cheat", how), "readonly")
            assert error.status == 500, f"{how}: {error!r}"
        assert await reader.call("cheat", "nothing") == "done"
        assert await reader.call("read") == ["first", "first"], "a refused write is seen"
        await asyncio.sleep(0.1)
        assert await reader.snapshot() == before
        status = await reader.status()
        assert status["schedules"] == [] and status["mailbox"] == 0 and status["outbox"] == 0, status


@case("9", "a readonly action of an agent that is not there sees a first state, and makes no agent")
async def reader_makes_no_agent(stage: Stage) -> None:
    async with stage.agent("reader") as reader:
        assert await reader.call("read") == ["blank", None]
        await refusal(reader.state(), "no-agent")
