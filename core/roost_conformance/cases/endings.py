"""The ways out of a handler: a return commits, in time, and nothing else does (rules 1, 2, 7, 13, 25, 27)."""

from __future__ import annotations

import asyncio
from typing import Final

from ..case import case
from ..probes.refusal import refusal
from ..probes.talk import talk, type_of
from ..stage import Stage

ENDS: Final = ("subtask", "oneself", "exit", "interrupt", "generator", "group", "odd")


@case("2", "any way out of a handler but its return stores nothing, is an AgentError, and leaves the queue as it was")
async def only_a_return_commits(stage: Stage) -> None:
    async with stage.agent("ender") as ender, stage.agent("ender") as neighbour:
        key = ender.address.key
        assert await ender.call("found") == [100, False, 0]
        async with talk(stage, "ender", key) as ws:
            for n, how in enumerate(ENDS):
                async with asyncio.timeout(stage.patience):
                    paying = asyncio.create_task(refusal(ender.call("pay", how, 0.05)))
                    await asyncio.sleep(0)
                    behind, beside = await asyncio.gather(ender.call("add", 1), neighbour.call("add", 1))
                    error = await paying
                assert error.code == "agent-error" and error.id and "hunter2" not in error.message, (how, error)
                assert beside == 101 + n, how
                assert behind == 101 + n, (how, behind)
                assert await ender.call("found") == [101 + n, False, 0], how
            frames = [await ws.next("cf_agent_state") for _ in ENDS]
            assert [f["state"]["balance"] for f in frames] == [101 + n for n in range(len(ENDS))], frames
        await stage.evict("ender", key)
        assert await ender.call("found") == [100 + len(ENDS), False, 0]


@case("18", "a stream ends so too: what it did, its clean-up included, is not stored, and its end says so")
async def a_stream_that_ends_otherwise_commits_nothing(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "ender", key) as ws, stage.agent("ender", key) as ender:
        for how in ENDS:
            chunks, last = await ws.stream(await ws.ask("trickle", how))
            assert (chunks, last["success"], last["code"]) == ([1], False, "agent-error"), (how, chunks, last)
        assert await ender.call("add", 1) == 101


@case("2", "a readonly action ends so too, and no call after it does")
async def a_read_that_ends_otherwise_is_an_error(stage: Stage) -> None:
    async with stage.agent("ender") as ender:
        await ender.call("add", 1)
        for how in ENDS:
            error = await refusal(ender.call("look", how))
            assert error.code == "agent-error" and error.id, (how, error)
        error = await refusal(ender.call("look", "late"))
        assert error.code == "deadline", error
        assert await ender.call("look") == 101


@case("7", "the deadline decides: what a handler returns after it is not stored, and one that never ends is abandoned")
async def the_deadline_decides(stage: Stage) -> None:
    async with stage.agent("ender") as ender:
        assert await ender.call("found") == [100, False, 0]
        for how in ("late", "never"):
            async with asyncio.timeout(stage.patience):
                error = await refusal(ender.call("pay", how, timeout=10))
                assert (error.status, error.code) == (503, "deadline"), (how, error)
                assert await ender.call("found") == [100, False, 0], how
        assert await ender.call("add", 1) == 101


@case("13", "what a tick leaves behind changes no state and carries nothing out: it is lost, asleep in between or not")
async def what_a_tick_leaves_behind_is_lost(stage: Stage) -> None:
    async with stage.agent("ender") as ender:
        await ender.call("add", 1)
        await ender.call("leave")
        await asyncio.sleep(0.3)
        assert await ender.call("add", 1) == 102
        await asyncio.sleep(0.1)
        assert await ender.call("found") == [102, False, 0]
        assert await ender.state() == {"balance": 102, "notes": []}


@case("25", "a connection leaves the list whatever its on_disconnect does, and what that did is not stored")
async def a_failing_on_disconnect_keeps_no_connection(stage: Stage) -> None:
    async with stage.agent("leaver") as leaver:
        key = leaver.address.key
        await leaver.call("inside")

        async def empty() -> bool:
            found = await leaver.call("inside")
            assert found[1] == 100, found
            return bool(found[0] == 0)

        for how in ("odd", "exit", "subtask"):
            async with talk(stage, "leaver", key, _pk=how) as ws:
                assert await ws.result("inside") == [1, 100]
            await stage.until(empty)
        await stage.evict("leaver", key)
        assert await leaver.call("inside") == [0, 100]


@case("27", "a view has key, now and connections; one that fails on a new state refuses it, and no socket closes")
async def a_view_has_its_snapshot(stage: Stage) -> None:
    async with stage.agent("shown") as shown:
        key = shown.address.key
        assert await shown.call("add", 1) == 101
        assert await shown.state() == [key, 101, 0, True]
        async with talk(stage, "shown", key, greeted=False) as ws:
            greeting = await ws.greeting()
            assert greeting[1]["state"][:2] == [key, 101], greeting
            for balance, says in ((13, ""), (14, "`tell`"), (15, "`kv`")):
                error = await refusal(shown.call("add", balance - 101))
                assert error.status == 500 and error.id and "hunter2" not in error.message, (balance, error)
                assert says in error.message, (balance, error)
            assert await shown.call("add", 1) == 102
            while (frame := await ws.next())["type"] != "cf_agent_state" or frame["state"][1] != 102:
                assert type_of(frame) == "cf_agent_state", frame
            assert frame["state"] == [key, 102, 1, True], frame
            assert await shown.state() == frame["state"]


@case("resource", "each agent has a config of its own; a task group as a resource works, and ends with its host")
async def config_is_an_agents_own(stage: Stage) -> None:
    async with stage.agent("ender") as one, stage.agent("ender") as two:
        assert await one.call("raise_fee") == [1, 2]
        assert await two.call("fees") == [1]
        await asyncio.gather(one.call("work"), two.call("work"))
        assert await two.call("fees") == [1]
