"""What answers where no model is configured: rules, and they say that they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Final

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_core import from_json

NO_MODEL: Final = "No model is configured, so rules answer here. "


def rules() -> FunctionModel:
    """A model that calls the tool whose name stands first (`order number=7`), and else repeats what it was told."""
    return FunctionModel(_answer, stream_function=_stream, model_name="rules")


def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    last = messages[-1].parts if messages else ()
    done = [part for part in last if isinstance(part, ToolReturnPart)]
    if done:
        said = "; ".join(f"{part.tool_name}: {part.model_response_str()}" for part in done)
        return ModelResponse(parts=[TextPart(NO_MODEL + said)])
    text = next((_text(part) for m in reversed(messages) for part in m.parts if isinstance(part, UserPromptPart)), "")
    name, _, rest = text.strip().partition(" ")
    tools = {tool.name for tool in info.function_tools}
    if name in tools:
        return ModelResponse(parts=[ToolCallPart(name, _arguments(rest))])
    way = f" Begin with the name of a tool to have it called: {', '.join(sorted(tools))}." if tools else ""
    return ModelResponse(parts=[TextPart(f"{NO_MODEL}You said: {text}{way}")])


async def _stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    for index, part in enumerate(_answer(messages, info).parts):
        if isinstance(part, ToolCallPart):
            yield {index: DeltaToolCall(part.tool_name, part.args_as_json_str(), tool_call_id=part.tool_call_id)}
        elif isinstance(part, TextPart):
            for word in re.findall(r"\S+\s*", part.content):
                yield word


def _text(part: UserPromptPart) -> str:
    return part.content if isinstance(part.content, str) else " ".join(str(x) for x in part.content)


def _arguments(text: str) -> dict[str, Any]:
    """`number=7 why="too big"` as arguments."""
    found: dict[str, Any] = {}
    for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', text):
        try:
            found[name] = from_json(value)
        except ValueError:
            found[name] = value
    return found
