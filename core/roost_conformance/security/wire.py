"""A client at the level of bytes: sends what no library would, and takes an answer that is cut off for one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic_core import from_json

WAIT: Final = 30.0
"""Seconds within which an answer must come, or the end: a bound on failure."""
LARGEST: Final = 8 << 20
UPGRADE: Final = (
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Upgrade: websocket",
    "Connection: Upgrade",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: the connection was cut. `frames`: of a handshake that was let in, until its greeting or its end."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    frames: tuple[Any, ...] = ()
    closed: int = 0
    """The close code of a WebSocket; 0: it is open."""

    @property
    def refused(self) -> bool:
        """Nothing was done."""
        return self.status == 0 or 400 <= self.status < 500

    @property
    def shut_out(self) -> bool:
        """Of a handshake: no greeting came."""
        greeted = any(isinstance(f, dict) and str(f.get("type", "")).startswith("cf_agent") for f in self.frames)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] (JSON)
        return self.refused or (self.status == 101 and not greeted and self.closed != 0)

    @property
    def code(self) -> str:
        """Of a problem document; "" of another body."""
        try:
            found: Any = from_json(self.body)
            return str(found["code"])
        except (ValueError, KeyError, TypeError):
            return ""


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request, byte by byte as given; with a body, its length is said."""
    lines = [f"{line} HTTP/1.1", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@asynccontextmanager
async def dial(url: str) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = urlsplit(url)
    context = ssl.create_default_context() if where.scheme == "https" else None
    port = where.port or (443 if context else 80)
    reader, writer = await asyncio.open_connection(where.hostname, port, ssl=context, limit=LARGEST)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError, asyncio.TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def ask(url: str, data: bytes) -> Answer:
    """Send bytes, read the answer. TimeoutError: neither an answer nor an end."""
    async with asyncio.timeout(WAIT), dial(url) as (reader, writer):
        try:
            with suppress(ConnectionError):  # it answered before it had heard all
                writer.write(data)
                await writer.drain()
            status, headers = await _head(reader)
            return Answer(status, headers, await _body(reader, headers))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return Answer()


async def open_socket(url: str, path: str, *headers: str, then: bytes = b"") -> Answer:
    """Open a WebSocket; `then` is sent over it at once, as it is."""
    async with asyncio.timeout(WAIT), dial(url) as (reader, writer):
        frames: list[Any] = []
        try:
            writer.write(request(f"GET {path}", *headers, *UPGRADE))
            status, fields = await _head(reader)
            if status != 101:
                return Answer(status, fields, await _body(reader, fields))
            writer.write(then)
            while True:
                opcode, data = await _frame(reader)
                if opcode == 8:
                    return Answer(101, fields, b"", tuple(frames), int.from_bytes(data[:2]) or 1005)
                if opcode in (1, 2):
                    frames.append(_parsed(data))
                    if isinstance(frames[-1], dict) and frames[-1].get("type") == "cf_agent_mcp_servers":  # pyright: ignore[reportUnknownMemberType] (JSON)
                        return Answer(101, fields, b"", tuple(frames))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return Answer(101 if frames else 0, {}, b"", tuple(frames), 1006)


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.read(LARGEST)
    parts: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    return b"".join(parts)


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size = await reader.readexactly(2)
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
    return first & 15, await reader.readexactly(size)


def _parsed(data: bytes) -> Any:
    try:
        return from_json(data)
    except ValueError:
        return data
