"""A client at the level of bytes: sends what no library would."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

WAIT = 60.0
"""Seconds until an attack that waits for an answer gives up."""
UPGRADE = (
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Upgrade: websocket",
    "Connection: Upgrade",
)  # fmt: skip


@contextmanager
def dial(url: str) -> Generator[socket.socket]:
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=WAIT) as made:
        yield made


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request, byte by byte as given; with a body, its length is said."""
    lines = [f"{line} HTTP/1.1", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_answer(peer: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, body of an answer with a length; (0, {}, b"") when the connection was cut."""
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            more = peer.recv(65536)
            if not more:
                return 0, {}, b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", "0")):
            more = peer.recv(65536)
            if not more:
                break
            body += more
    except ConnectionError:
        return 0, {}, b""
    return int(lines[0].split()[1]), headers, body


def ask(url: str, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, read the answer."""
    with dial(url) as peer:
        with suppress(ConnectionError):  # it answered before it had heard all
            peer.sendall(data)
        return read_answer(peer)


def code(body: bytes) -> str:
    """The code of a problem document."""
    found: Any = json.loads(body)
    return str(found["code"])


def opening(url: str, path: str, *headers: str) -> tuple[int, list[dict[str, Any]], int]:
    """Open a WebSocket: status of the handshake, the frames until the greeting or the end, the close code (0: open)."""
    with dial(url) as peer:
        peer.sendall(request(f"GET {path}", *headers, *UPGRADE))
        stream = peer.makefile("rb")
        status = int(stream.readline().split()[1])
        while stream.readline() not in (b"\r\n", b""):
            pass
        frames: list[dict[str, Any]] = []
        while status == 101:
            head = stream.read(2)
            if len(head) < 2:
                return status, frames, 1006
            size = head[1]
            if size > 125:
                size = int.from_bytes(stream.read(2 if size == 126 else 8))
            data = stream.read(size)
            if head[0] & 15 == 8:
                return status, frames, int.from_bytes(data[:2])
            frames.append(json.loads(data))
            if frames[-1].get("type") == "cf_agent_mcp_servers":
                return status, frames, 0
        return status, frames, 0
