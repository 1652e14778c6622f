"""A tiny HTTP server on loopback, for agents to send requests to."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

PIECES: Final = (b"one ", b"two ", b"three")


class Listener:
    """`async with`: answers every POST with a number, a GET never; `keys` are the Idempotency-Keys it saw.

    At `rough` each key is first hung up on, then 503, then cut in the middle of its answer, then answered; `pieces`
    answers in PIECES. A GET of `here` is answered "here", one of `away?URL` is sent to that.
    """

    def __init__(self) -> None:
        self.keys: list[str | None] = []
        self.url = self.rough = self.pieces = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        self.rough, self.pieces = f"{self.url}rough", f"{self.url}pieces"
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
            if start.startswith("GET /away?"):
                where = start.split(" ")[1].removeprefix("/away?")
                writer.write(b"HTTP/1.1 302 Away\r\nconnection: close\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % (
                    where.encode(),
                ))  # fmt: skip
                await writer.drain()
                return
            if start.startswith("GET /here"):
                writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nhere")
                await writer.drain()
                return
            if start.startswith("GET"):
                await reader.read()  # until the client gives up
                return
            self.keys.append(key := headers.get("idempotency-key"))
            if start.startswith("POST /pieces"):
                await self._in_pieces(writer)
                return
            tries = self.keys.count(key) if start.startswith("POST /rough") else 4
            if tries == 1:
                return
            body = f"{len(self.keys)}".encode()
            status, length = ("503 Busy" if tries == 2 else "200 OK"), len(body) + (tries == 3)
            writer.write(b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (
                status.encode(), length, body
            ))  # fmt: skip
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()

    async def _in_pieces(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in PIECES:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.02)  # so that it comes in more than one
        writer.write(b"0\r\n\r\n")
        await writer.drain()
