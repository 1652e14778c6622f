"""A model that follows a script, in this process: `Thinker(scripted(Say("hello")))`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from pydantic_ai import exceptions as ai
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from roost.author.work import INSIDE

from .script import Busy, Call, Calls, Cut, Entry, Say, Script, Slow, WrongJSON

NAME = "scripted"


class Scripted(FunctionModel):
    """`script.requests` counts what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        super().__init__(self._respond, stream_function=self._words, model_name=NAME)

    def _next(self, messages: list[ModelMessage]) -> Entry:
        first = next((p for m in messages for p in m.parts if isinstance(p, UserPromptPart)), None)
        turn = sum(isinstance(m, ModelResponse) for m in messages)
        return self.script.take("" if first is None else str(first.content), turn)

    async def _respond(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        entry = await _awaited(self._next(messages))
        if isinstance(entry, Cut):
            raise _cut()
        return ModelResponse(parts=_parts(entry))

    async def _words(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
        entry = await _awaited(self._next(messages))
        if isinstance(entry, Cut):
            for word in _split(entry.text):
                yield word
            raise _cut()
        for index, part in enumerate(_parts(entry)):
            if isinstance(part, TextPart):
                for word in _split(part.content):
                    yield word
            else:
                yield {index: DeltaToolCall(part.tool_name, part.args_as_json_str(), tool_call_id=part.tool_call_id)}


def scripted(*entries: Entry) -> Scripted:
    """A model that does this, response after response."""
    return Scripted(Script(*entries))


def _parts(entry: Entry) -> list[TextPart | ToolCallPart]:
    if isinstance(entry, Say):
        return [TextPart(entry.text)]
    if isinstance(entry, WrongJSON):
        return [ToolCallPart(entry.tool, entry.args, tool_call_id="call-0")]
    assert isinstance(entry, (Call, Calls))
    calls = entry.calls if isinstance(entry, Calls) else (entry,)
    said = [TextPart(entry.text)] if isinstance(entry, Calls) and entry.text else []
    return [*said, *(ToolCallPart(c.tool, c.args, tool_call_id=c.id or f"call-{i}") for i, c in enumerate(calls))]


async def _awaited(entry: Entry) -> Entry:
    if isinstance(entry, Slow):
        scope: Any = INSIDE.get()
        await (asyncio.sleep if scope is None else scope.runtime.host.sleep)(entry.seconds)
        return entry.then
    if isinstance(entry, Busy):
        kind: Any = ai.ModelRateLimitError if entry.status == 429 else ai.ModelServerError
        raise ai.ModelHTTPError.for_category(
            kind, status_code=entry.status, model_name=NAME, retry_after=entry.retry_after
        )
    return entry


def _cut() -> ai.ModelConnectionError:
    return ai.ModelConnectionError(NAME, "the stream was cut")


def _split(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)
