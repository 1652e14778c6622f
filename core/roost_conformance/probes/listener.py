"""A tiny HTTP server on loopback, for agents to send requests to."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Listener:
    """`async with`: answers every POST with a number, a GET never; `keys` are the Idempotency-Keys it saw."""

    def __init__(self) -> None:
        self.keys: list[str | None] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            await reader.readexactly(int(headers.get("content-length", 0)))
            if start.startswith("GET"):
                await reader.read()  # until the client gives up
                return
            self.keys.append(headers.get("idempotency-key"))
            body = f"{len(self.keys)}".encode()
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()
