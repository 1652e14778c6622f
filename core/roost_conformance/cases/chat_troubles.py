"""What fails at a model's provider: tried again as it asks, or told; what was said in vain is void."""

from __future__ import annotations

import time
from typing import Any

from ..agents.chat_troubled import WAIT
from ..probes.chat import Chat, chat_case, spoken
from ..stage import Stage


async def _heard(chat: Chat, text: str) -> tuple[list[Any], list[str]]:
    """What its reader was told, and what asked the model."""
    sent = await chat.send(text)
    told = await chat.heard(sent["turn"], lambda told: told[-1].kind == "end")
    return told, await chat.ledger.lines()


@chat_case("a provider that is busy is asked again when it says, and the turn is the poorer by nothing")
async def chat_429_honoured(stage: Stage) -> None:
    async with stage.client() as client:
        chat = Chat(stage, client, "chatter-troubled")
        began = time.monotonic()
        told, asked = await _heard(chat, "busy")
        assert time.monotonic() - began >= WAIT, "it said when"
        assert spoken(told) == "here it is" and asked == ["asked 1", "asked 2"], (told, asked)
        assert await chat.over() == ["user: busy", "assistant: here it is"]
        items = [one.item for one in told if one.kind == "item"]
        assert {item["attempt"] for item in items if item["type"] == "text-delta"} == {2}, items
        assert (await chat.agent.call("usage"))["requests"] == 1


@chat_case("an answer that is cut is asked for again: what was said first is void, and stands nowhere")
async def chat_cut_stream_runs_again(stage: Stage) -> None:
    async with stage.client() as client:
        chat = Chat(stage, client, "chatter-troubled")
        told, asked = await _heard(chat, "cut")
        kinds = [one.kind for one in told]
        assert "reset" in kinds and asked == ["asked 1", "asked 2"], (told, asked)
        assert spoken(told) == "here it is", told
        assert await chat.over() == ["user: cut", "assistant: here it is"]


@chat_case("what a provider refuses for good ends the turn by name: it is not asked again, and the session goes on")
async def chat_refused_for_good(stage: Stage) -> None:
    async with stage.client() as client:
        chat = Chat(stage, client, "chatter-troubled")
        told, asked = await _heard(chat, "bad")
        end = [one.item for one in told if one.kind == "item"][-1]
        assert (end["type"], end["outcome"], end["code"]) == ("turn-end", "failed", "model-failed"), end
        assert asked == ["asked 1"] and "401" in end["error"], (asked, end)
        assert await chat.over() == ["user: bad"]
        assert (await chat.session())["last"] == "failed"
        await chat.send("busy")
        assert (await chat.over(2))[-1] == "assistant: here it is"


@chat_case("a model that takes over says it anew: what the first one had said is void")
async def chat_fallback_resets(stage: Stage) -> None:
    async with stage.client() as client:
        chat = Chat(stage, client, "chatter-spare")
        told, asked = await _heard(chat, "hello")
        first = next(one.item["text"] for one in told if one.kind == "item" and one.item["type"] == "text-delta")
        assert first == "half a " and spoken(told) == "you said hello", told
        assert asked == ["model"], asked
        assert await chat.over() == ["user: hello", "assistant: you said hello"]
        assert (await chat.agent.call("usage"))["requests"] == 1


@chat_case("a form that a model fills in wrongly is asked for again, and comes as its type")
async def chat_structured_output(stage: Stage) -> None:
    async with stage.client() as client:
        chat = Chat(stage, client, "chat-forms")
        id = await chat.agent.call("ask", "the weather")
        assert await chat.agent.job(id).result(timeout=4 * stage.patience) == ["Paris", 21, 2]
        assert await chat.ledger.lines() == ["model", "model"]
