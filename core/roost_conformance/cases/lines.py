"""Rule 14: two lanes, first come first served inside a lane, nobody starves."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.barrier import Barrier
from ..probes.waiting import waiting
from ..stage import Stage


@case("14", "triggers of one lane run in the order they came, calls and tells alike")
async def one_lane_is_first_come_first_served(stage: Stage) -> None:
    async with stage.client() as client:
        line, gate = client.agent("line", stage.key()), Barrier(stage, client)
        await line.call("note", "first")
        hold = asyncio.create_task(line.call("hold", gate.key))
        await gate.arrived()
        for n in range(12):
            await line.tell("note", f"{n}")
        last = asyncio.create_task(line.call("note", "last"))
        await waiting(stage, line, 13)
        await gate.open()
        assert await last == 15, "a call overtook tells of its lane"
        await hold
        assert (await line.state())["done"] == ["first", "hold", *(f"{n}" for n in range(12)), "last"]


@case("14", "the urgent lane goes first, but after eight of it one of the standard lane runs")
async def urgent_lane_goes_first(stage: Stage) -> None:
    async with stage.client() as client:
        line, gate = client.agent("line", stage.key()), Barrier(stage, client)
        hold = asyncio.create_task(line.call("hold", gate.key))
        await gate.arrived()
        for n in range(3):
            await line.tell("note", f"s{n}")
        for n in range(20):
            await line.tell("note", f"u{n}", lane="urgent")
        await gate.open()
        await hold

        async def all_done() -> list[str]:
            done: list[str] = (await line.state())["done"]
            return done if len(done) == 24 else []

        u = [f"u{n}" for n in range(20)]
        expected = ["hold", *u[:8], "s0", *u[8:16], "s1", *u[16:], "s2"]
        assert await stage.until(all_done) == expected


@case("14", "nothing is pre-empted: an urgent trigger waits for the tick that runs")
async def urgent_lane_interrupts_nothing(stage: Stage) -> None:
    async with stage.client() as client:
        line, gate = client.agent("line", stage.key()), Barrier(stage, client)
        hold = asyncio.create_task(line.call("hold", gate.key))
        await gate.arrived()
        await line.tell("note", "urgent", lane="urgent")
        await asyncio.sleep(0.1)
        await gate.open()
        await hold

        async def both() -> list[str]:
            done: list[str] = (await line.state())["done"]
            return done if len(done) == 2 else []

        assert await stage.until(both) == ["hold", "urgent"]


@case("14", "ticks of different agents run at the same time")
async def agents_do_not_wait_for_each_other(stage: Stage) -> None:
    async with stage.client() as client:
        gate = Barrier(stage, client)
        held = [asyncio.create_task(client.agent("line", stage.key()).call("hold", gate.key)) for _ in range(5)]
        await gate.arrived(5)
        assert await client.agent("line", stage.key()).call("note", "x") == 1
        await gate.open()
        await asyncio.gather(*held)


@case("14", "calls of one connection run in the order they were sent")
async def calls_of_a_connection_keep_their_order(stage: Stage) -> None:
    async with stage.client() as client:
        line = client.agent("line", stage.key())
        async with line.connect() as connection:
            calls = [asyncio.create_task(connection.call("note", f"{n}")) for n in range(30)]
            assert await asyncio.gather(*calls) == list(range(1, 31))
        assert (await line.state())["done"] == [f"{n}" for n in range(30)]
