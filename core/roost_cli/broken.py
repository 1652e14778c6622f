"""What answers while the app can't be served: 503 with what is wrong, so that no request hangs until the next edit.

The code frame is for the author alone: a request under another machine's name, or of another site's page, gets the
status without it.
"""

from __future__ import annotations

import asyncio
import html
import socket as sockets
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from pydantic_core import to_json

from roost.contract.errors import TransientError, problem

from .console.site import is_loopback_host

HEAD: Final = 64 * 1024
"""Bytes of a request's head, at most."""
PATIENCE: Final = 5.0
"""Seconds a client gets to send its head, and to take the answer."""
AGAIN: Final = 1.0
"""Seconds after which a client may ask again."""
PAGE: Final = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<title>Roost: broken</title>
<body style="font: 15px/1.5 system-ui; margin: 3rem auto; max-width: 60rem"><h1>The app can't be served</h1>
<pre style="white-space: pre-wrap; background: #8881; padding: 1rem">{why}</pre>
<p>This page looks again every second.</p>"""


class Broken:
    """A server on a socket that listens already; `why` is what the author should see. `close()` leaves the socket."""

    def __init__(self, why: str) -> None:
        self._why = why
        self._server: asyncio.Server | None = None

    async def start(self, sock: sockets.socket) -> None:
        """Answer from here on."""
        self._server = await asyncio.start_server(self._answer, sock=sock, limit=HEAD)

    def close(self) -> None:
        """End it; nobody is waited for."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self.answer(head))
                await writer.drain()
                writer.write_eof()
                while await reader.read(HEAD):  # closed with a body unread, the client would see a reset, not this
                    pass
        writer.close()

    def answer(self, head: bytes) -> bytes:
        """The whole answer to a request with this head."""
        first, *lines = head.decode("latin-1").split("\r\n")
        given = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        why = self._why if _is_ours(given) else "the app can't be served as it is; its terminal shows why"
        if "text/html" in given.get("accept", ""):
            kind, body = "text/html; charset=utf-8", PAGE.format(why=html.escape(why)).encode()
        else:
            kind = "application/problem+json"
            body = to_json(problem(TransientError(why, code="app-broken", retry_after=AGAIN)))
        fields = (
            f"HTTP/1.1 503 Service Unavailable\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            f"retry-after: {AGAIN:.0f}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            "connection: close\r\n\r\n"
        )
        return fields.encode() + (b"" if first.startswith("HEAD ") else body)


def _is_ours(given: dict[str, str]) -> bool:
    """Whether the request is of this machine's names, and of no other site's page."""
    host, origin = given.get("host", ""), given.get("origin")
    if not is_loopback_host(host):
        return False
    with suppress(ValueError):
        return origin is None or urlsplit(origin).netloc == host
    return False
