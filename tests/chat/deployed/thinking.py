"""What thinks: loaded when the first turn runs."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from pydantic_ai import Agent, RunContext
from pydantic_ai.messages import AgentStreamEvent

from roost_chat import Models, RoostDurability
from roost_chat.models import named


async def heard(ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
    async for _ in events:
        pass


def thinker(config: Models, told: bool) -> Agent[None, str]:
    durability = RoostDurability[None](event_stream_handler=heard if told else None)
    made = Agent(named("loop:a", config), name="desk", deps_type=type(None), capabilities=[durability])

    @made.tool_plain
    async def weather(city: str) -> str:
        return f"{city}: 21"

    return made


async def think(config: Models, told: bool) -> list[Any]:
    result = await thinker(config, told).run("hi")
    return [result.output, result.usage.requests]
