"""on_start: once in an agent's life, before anything else of it."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


@case("28", "on_start runs once and first, however many come at once, also after hibernation")
async def on_start_runs_once(stage: Stage) -> None:
    async with stage.agent("starter") as starter:
        answers = await asyncio.gather(*(starter.call("call") for _ in range(8)))
        assert sorted(answers) == [[1, n] for n in range(1, 9)], f"it started more than once: {answers}"
        await stage.evict("starter", starter.address.key)
        assert await starter.call("call") == [1, 9]
        events = [e.kind async for e in starter.events(follow=False)]
        assert events == ["start", *["call"] * 9], events


@case("28", "on_start is committed on its own: the first call may fail, the agent is there")
async def on_start_stands_without_the_first_call(stage: Stage) -> None:
    async with stage.agent("starter") as starter:
        await refusal(starter.call("fail"), "no")
        assert await starter.state() == {"starts": 1, "calls": 0}
        assert await starter.call("call") == [1, 1]


@case("28", "an on_start that fails leaves no agent and fails the call; the next call tries again")
async def failed_on_start_leaves_no_agent(stage: Stage) -> None:
    async with stage.client() as client:
        stiff = client.agent("stiff", stage.key())
        witness = Witness(stage, client, stiff.address.key)
        for _ in range(2):
            error = await refusal(stiff.call("call"), "agent-error")
            assert "hunter2" not in error.message
            await refusal(stiff.state(), "no-agent")
        assert await stiff.call("call") == [1, 1], "a failed start left its state"
        assert await witness.lines() == ["run"] * 3
        assert [e.kind async for e in stiff.events(follow=False)] == ["start"]


@case("28", "a destroyed agent that comes back starts anew")
async def on_start_runs_in_each_life(stage: Stage) -> None:
    async with stage.agent("starter") as starter:
        await starter.call("call")
        await starter.destroy()
        assert await starter.call("call") == [1, 1]
        assert [e.kind async for e in starter.events(follow=False)] == ["start", "call"], "the old life's log is there"


@case("28", "a tell is as good as a call: on_start comes first there too")
async def on_start_runs_before_a_tell(stage: Stage) -> None:
    async with stage.agent("starter") as starter:
        await starter.tell("call")

        async def called() -> list[str]:
            kinds = [e.kind async for e in starter.events(follow=False)]
            return kinds if len(kinds) >= 2 else []

        assert await stage.until(called) == ["start", "call"]
