"""How often a provider is asked under one key, by all agents together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic_ai import exceptions as ai
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, FunctionModel

from roost import App
from roost.testing.world import World, world
from roost_chat import ChatAgent, ChatLimits, ChatSessions

pytestmark = pytest.mark.anyio
ASKED: list[float] = []
WORLD: list[World] = []
BUSY = [0]


async def _words(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
    ASKED.append(WORLD[-1].host.now())
    if BUSY[0] > 0:
        BUSY[0] -= 1
        raise ai.ModelHTTPError.for_category(
            ai.ModelRateLimitError, status_code=429, model_name="words", retry_after=20.0
        )
    yield "hello"


class Slowly(ChatLimits):
    per_minute = 3


class Free(ChatAgent):
    model: Any = FunctionModel(stream_function=_words)
    limiter = ChatLimits


class Paced(Free):
    limiter = Slowly


async def _all(w: World, kind: type[ChatAgent], count: int, minutes: int) -> list[float]:
    WORLD.append(w)
    ASKED.clear()
    for n in range(count):
        await w.agent(kind, f"s{n}").send("hello")
    await w.advance(minutes=minutes)
    for n in range(count):
        assert (await w.agent(kind, f"s{n}").session()).last == "done"
    return sorted(at - ASKED[0] for at in ASKED)


async def test_what_one_is_told_all_know() -> None:
    """A provider that is busy for 20 s is asked by nobody meanwhile; waiting is no attempt."""
    async with world(App([Free, Paced, ChatLimits, Slowly, ChatSessions]), seed=1) as w:
        BUSY[0] = 1
        WORLD.append(w)
        ASKED.clear()
        await w.agent(Free, "first").send("hello")
        await w.advance(seconds=5)
        (first,) = ASKED
        await _all(w, Free, 5, 2)
        assert len(ASKED) == 6 and min(ASKED) >= first + 19.9, (first, ASKED)


async def test_so_many_a_minute() -> None:
    async with world(App([Free, Paced, ChatLimits, Slowly, ChatSessions]), seed=1) as w:
        BUSY[0] = 0
        asked = await _all(w, Paced, 8, 10)
        assert len(asked) == 8, asked
        for start in asked:
            assert sum(start <= at < start + 59 for at in asked) <= 3, asked


async def test_who_counts_is_missing() -> None:
    async with world(App([Free, ChatSessions]), seed=1) as w:
        WORLD.append(w)
        sent = await w.agent(Free, "s").send("hello")
        await w.advance(minutes=1)
        told = [one.item for one in await w.stream(Free, "s", sent.turn, "events") if one.kind == "item"]
        assert told[-1]["code"] == "no-limits", told
