"""An agent whose job runs a pydantic-ai agent, and what the tests count of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from pydantic_ai import Agent as Thinker
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.messages import AgentStreamEvent, ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from roost import Agent, Run, action, job
from roost_chat import RoostDurability

COUNTS: Counter[str] = Counter()
EVENTS: list[str] = []


def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    COUNTS["model"] += 1
    turn = sum(isinstance(m, ModelResponse) for m in messages)
    if turn == 0:
        return ModelResponse(
            parts=[
                ToolCallPart("weather", {"city": "Paris"}, tool_call_id="c0"),
                ToolCallPart("weather", {"city": "Oslo"}, tool_call_id="c1"),
                ToolCallPart("shout", {"text": "x"}, tool_call_id="c2"),
            ]
        )
    if turn < 3:
        return ModelResponse(parts=[ToolCallPart("flaky", {"x": turn}, tool_call_id="c0")])
    return ModelResponse(parts=[TextPart("all done")])


async def _stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    for index, part in enumerate(_answer(messages, info).parts):
        if isinstance(part, TextPart):
            for word in part.content.split():
                yield word + " "
        else:
            assert isinstance(part, ToolCallPart)
            yield {index: DeltaToolCall(part.tool_name, part.args_as_json_str(), tool_call_id=part.tool_call_id)}


async def told(ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
    EVENTS.extend([type(event).__name__ async for event in events])


def thinker(durability: RoostDurability[None], name: str = "asst") -> Thinker[None, str]:
    model = FunctionModel(_answer, stream_function=_stream)
    made = Thinker(model, name=name, deps_type=type(None), capabilities=[durability])

    @made.system_prompt
    def prompt() -> str:
        return "be brief"

    @made.tool
    async def weather(ctx: RunContext[None], city: str) -> str:
        COUNTS["weather"] += 1
        for _ in range(1 if city == "Oslo" else 9):  # they end in another order
            await asyncio.sleep(0)
        return f"{city} 21"

    @made.tool_plain
    def shout(text: str) -> dict[str, str | None]:
        COUNTS["shout"] += 1
        return {"said": text.upper(), "why": None}

    @made.tool_plain
    async def flaky(x: int) -> str:
        COUNTS["flaky"] += 1
        if x == 1:
            raise ModelRetry("try x=2")
        return "ok"

    return made


PLAIN = thinker(RoostDurability[None]())
TOLD = thinker(RoostDurability[None](event_stream_handler=told), "told")


class Desk(Agent):
    @action
    async def ask(self, text: str, told: bool = False) -> str:
        return self.start("one", self.answer, text, told).id

    @job
    async def answer(self, run: Run, text: str, told: bool) -> list[Any]:
        result = await (TOLD if told else PLAIN).run(text)
        usage = result.usage
        said = [(type(part).__name__, str(m.timestamp)) for m in result.all_messages() for part in m.parts]
        spent = [usage.requests, usage.input_tokens, usage.output_tokens, usage.tool_calls]
        return [result.output, spent, result.run_id, said]
