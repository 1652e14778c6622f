"""A provider on 127.0.0.1: a real HTTP server that speaks OpenAI's streaming wire, follows scripts, and counts.

async with Loopback({"weather": Script(Call("weather", city="Paris"), Say("21"))}) as provider:
    models = Models(model="loop:weather", providers={"loop": Provider(base_url=provider.url)})
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pydantic_core import from_json, to_json

from . import wire
from .script import Busy, Cut, Script, Slow

PATH = "/v1/chat/completions"
_WORDS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    model: str
    turn: int
    """How many responses the conversation had."""
    user: str
    """What the conversation's user said last."""
    key: str | None
    """Its Idempotency-Key."""
    headers: Mapping[str, str]
    body: Any


class Loopback:
    """See the file's head. Scripts by the name of a model."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self.scripts = dict(scripts)
        self.asked: list[Asked] = []
        self.url = ""
        self.pause = 0.0
        """Seconds between two events of a stream."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def turns(self, user: str) -> list[int]:
        """The turns that were asked for in conversations whose user said this, in that order."""
        return [one.turn for one in self.asked if one.user == user]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path = start.split(" ")[:2]
            if (method, path) != ("POST", PATH):
                await _whole(writer, 404, _error(f"there is only POST {PATH}, not {method} {path}"))
                return
            await self._answer(writer, headers, from_json(body))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, headers: Mapping[str, str], doc: Any) -> None:
        messages: list[Any] = doc.get("messages", [])
        said = [_text(m.get("content")) for m in messages if m.get("role") == "user"]
        turn = sum(m.get("role") == "assistant" for m in messages)
        user = said[-1] if said else ""
        asked = Asked(doc.get("model", ""), turn, user, headers.get("idempotency-key"), headers, doc)
        self.asked.append(asked)
        script = self.scripts.get(asked.model)
        if script is None:
            await _whole(writer, 404, _error(f"no model {asked.model!r}", "model_not_found"))
            return
        try:
            entry = script.take(said[0] if said else "", turn)
        except AssertionError as error:
            await _whole(writer, 400, _error(str(error)))
            return
        if isinstance(entry, Slow):
            await asyncio.sleep(entry.seconds)
            entry = entry.then
        id = f"chatcmpl-{len(self.asked)}"
        if isinstance(entry, Busy):
            after = [] if entry.retry_after is None else [("retry-after", f"{entry.retry_after:g}")]
            await _whole(writer, entry.status, _error("slow down", "rate_limit_exceeded"), after)
        elif isinstance(entry, Cut):
            await self._stream(writer, wire.partial(doc, id, entry.text), cut=True)
        elif doc.get("stream"):
            await self._stream(writer, wire.chunks(doc, id, entry))
        else:
            await _whole(writer, 200, to_json(wire.whole(doc, id, entry)))

    async def _stream(self, writer: asyncio.StreamWriter, events: Iterable[bytes], *, cut: bool = False) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for event in events:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            if self.pause:
                await asyncio.sleep(self.pause)
        if cut:
            writer.write(b"400\r\ndata: {")  # less than it says
        else:
            writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _whole(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(
        f"HTTP/1.1 {status} {_WORDS.get(status, 'Status')}\r\nconnection: close\r\ncontent-type: application/json\r\n"
        f"{lines}content-length: {len(body)}\r\n\r\n".encode()
    )
    writer.write(body)
    await writer.drain()


def _error(message: str, code: str = "invalid_request") -> bytes:
    return to_json({"error": {"message": message, "type": code, "code": code, "param": None}})


def _text(content: Any) -> str:
    """A user's message, whatever its form."""
    if isinstance(content, str):
        return content
    parts: Any = content or ()
    return " ".join(str(part.get("text", "")) for part in parts)
