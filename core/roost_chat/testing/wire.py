"""OpenAI's wire (chat completions), as far as a model that only plays one needs it: answers, whole and as a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from .script import Call, Calls, Entry, Say, WrongJSON

CREATED = 1_700_000_000


def calls_of(entry: Entry) -> tuple[str, list[dict[str, Any]]]:
    """What an entry says, and its tool calls as the wire has them."""
    if isinstance(entry, Say):
        return entry.text, []
    if isinstance(entry, WrongJSON):
        return "", [_call(0, "call-0", entry.tool, entry.args)]
    assert isinstance(entry, (Call, Calls))
    calls = entry.calls if isinstance(entry, Calls) else (entry,)
    text = entry.text if isinstance(entry, Calls) else ""
    return text, [_call(i, c.id or f"call-{i}", c.tool, to_json(c.args).decode()) for i, c in enumerate(calls)]


def _call(index: int, id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def usage(asked: Any, text: str, calls: list[dict[str, Any]]) -> dict[str, int]:
    """Tokens, by a rule that is the same each time: one for four bytes."""
    came, went = len(to_json(asked.get("messages", []))) // 4, len(text.encode()) // 4 + 8 * len(calls) + 1
    return {"prompt_tokens": came, "completion_tokens": went, "total_tokens": came + went}


def whole(asked: Any, id: str, entry: Entry) -> dict[str, Any]:
    """The answer to a request that does not stream."""
    text, calls = calls_of(entry)
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = [{k: v for k, v in c.items() if k != "index"} for c in calls]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}
    return {
        "id": id, "object": "chat.completion", "created": CREATED, "model": asked.get("model", ""),
        "choices": [choice], "usage": usage(asked, text, calls),
    }  # fmt: skip


def chunks(asked: Any, id: str, entry: Entry) -> Iterator[bytes]:
    """The events of a stream. A tool's name comes first, its arguments in two pieces."""
    text, calls = calls_of(entry)
    yield _event(asked, id, {"role": "assistant", "content": ""})
    for word in words(text):
        yield _event(asked, id, {"content": word})
    for call in calls:
        function, index = call["function"], call["index"]
        arguments: str = function["arguments"]
        half = len(arguments) // 2
        head = {**call, "function": {"name": function["name"], "arguments": ""}}
        yield _event(asked, id, {"tool_calls": [head]})
        for piece in (arguments[:half], arguments[half:]):
            yield _event(asked, id, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield _event(asked, id, {}, "tool_calls" if calls else "stop")
    yield _data({**_head(asked, id), "choices": [], "usage": usage(asked, text, calls)})
    yield b"data: [DONE]\n\n"


def partial(asked: Any, id: str, text: str) -> Iterator[bytes]:
    """The beginning of a stream that will be cut."""
    yield _event(asked, id, {"role": "assistant", "content": ""})
    for word in words(text):
        yield _event(asked, id, {"content": word})


def words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


def _head(asked: Any, id: str) -> dict[str, Any]:
    return {"id": id, "object": "chat.completion.chunk", "created": CREATED, "model": asked.get("model", "")}


def _event(asked: Any, id: str, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _data({**_head(asked, id), "choices": [choice], "usage": None})


def _data(doc: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % to_json(doc)
