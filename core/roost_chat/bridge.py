"""Rows of the history as pydantic-ai's messages, and back. Loads pydantic-ai."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic_ai import messages as ai
from pydantic_core import from_json

from .records import Message, Part, Priced, ReasoningPart, TextPart, ToolCallPart, ToolResultPart, Usage

LOST = "It was cut off before it answered: nobody knows whether it took effect."


def to_model(rows: Sequence[Message]) -> list[ai.ModelMessage]:
    """What a model is shown. A call whose turn was cut gets an answer that says so: providers ask for one."""
    found: list[ai.ModelMessage] = []
    waiting: dict[str, ToolCallPart] = {}

    def settle() -> None:
        if waiting:
            parts = [ai.ToolReturnPart(c.tool, LOST, tool_call_id=_call(c), timestamp=at) for c in waiting.values()]
            found.append(ai.ModelRequest(parts=parts, timestamp=at))
            waiting.clear()

    for row in rows:
        at = row.at
        if row.role == "user":
            settle()
            found.append(ai.ModelRequest(parts=[ai.UserPromptPart(row.text, timestamp=at)], timestamp=at))
        elif row.role == "assistant":
            settle()
            parts = [_spoken(part) for part in row.parts if not (isinstance(part, TextPart) and not part.text)]
            if parts:
                found.append(ai.ModelResponse(parts=parts, timestamp=at))
            waiting.update({part.id: part for part in row.parts if isinstance(part, ToolCallPart)})
        else:
            returns = [
                _returned(part, row)
                for part in row.parts
                if isinstance(part, ToolResultPart) and waiting.pop(part.id, None) is not None
            ]
            last = found[-1] if found else None
            if returns and isinstance(last, ai.ModelRequest) and isinstance(last.parts[0], ai.ToolReturnPart):
                last.parts = [*last.parts, *returns]
            elif returns:
                found.append(ai.ModelRequest(parts=returns, timestamp=at))
    if rows:
        at = rows[-1].at
        settle()
    return found


def _spoken(part: Part) -> ai.ModelResponsePart:
    if isinstance(part, ToolCallPart):
        return ai.ToolCallPart(part.tool, part.arguments, tool_call_id=_call(part))
    if isinstance(part, ReasoningPart):
        kept: dict[str, Any] = part.kept or {}
        return ai.ThinkingPart(part.text, **kept)
    assert isinstance(part, TextPart)
    return ai.TextPart(part.text)


def _call(part: ToolCallPart | ToolResultPart) -> str:
    return part.provider or part.id


def _returned(part: ToolResultPart, row: Message) -> ai.ModelRequestPart:
    return ai.ToolReturnPart(part.tool, shown(part), tool_call_id=_call(part), timestamp=row.at)


def shown(part: ToolResultPart) -> Any:
    """What the model is told of a result."""
    if part.outcome == "done":
        return part.value
    return {"error": part.error, "code": part.code} if part.code else {"error": part.error}


def from_model(response: ai.ModelResponse, name: str, provider: str = "") -> tuple[list[Part], Priced]:
    """The parts of a model's response, its calls under ids of ours, `{name}.{place}`; and what it is priced by.
    `provider`: of a model that does not say it in its responses."""
    parts: list[Part] = []
    for place, part in enumerate(response.parts):
        if isinstance(part, ai.TextPart):
            if part.content:
                parts.append(TextPart(text=part.content))
        elif isinstance(part, ai.ThinkingPart):
            kept = {
                field: value
                for field in ("id", "signature", "provider_name")
                if (value := getattr(part, field, None)) is not None
            }
            parts.append(ReasoningPart(text=part.content, kept=kept or None))
        elif isinstance(part, ai.ToolCallPart):
            parts.append(call_part(part, f"{name}.{place}"))
    used = response.usage
    usage = Usage(requests=1, input_tokens=used.input_tokens, output_tokens=used.output_tokens)
    return parts, Priced(
        usage=usage, model=response.model_name or "", provider=response.provider_name or provider,
        url=response.provider_url or "",
    )  # fmt: skip


def call_part(part: ai.ToolCallPart, id: str) -> ToolCallPart:
    """A call as the history keeps it."""
    return ToolCallPart(id=id, tool=part.tool_name, arguments=_arguments(part), provider=part.tool_call_id)


def _arguments(part: ai.ToolCallPart) -> dict[str, Any]:
    """As the model gave them; what is no object under `""`, for the tool refuses it by name."""
    given: Any = part.args
    if isinstance(given, str):
        try:
            given = from_json(given) if given.strip() else {}
        except ValueError:
            return {"": given}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {} if given is None else {"": given}
