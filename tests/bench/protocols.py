"""`python -m tests.bench.protocols MODE,... CALLS WARM LIBRARY`: calls against the server's own protocol objects.

No socket is opened: bytes go into the protocols and come out of a transport that keeps them, so that what is counted
is Roost and its libraries, not the kernel. `LIBRARY` turns valgrind's counting on after `WARM` calls. Each mode runs in
a fork, so that all modes share the imports, which take valgrind longer than the calls, and nothing else. Printed is a
line a mode: its name, the process's id.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop
from uvicorn.server import ServerState

from roost_http import Surface
from roost_local.backend import LocalBackend
from roost_local.server import server
from roost_local.store import SqliteStore

from .app import app

NAMES: Final = 64
IN_FLIGHT: Final = 32
MODES: Final = ("http", "http-keyed", "http-readonly", "ws", "ws-keyed", "ws-readonly")
UPGRADE: Final = (
    "GET /agents/counter/k{} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Kept(asyncio.Transport):
    """A transport that hands what is written to `take`."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__()
        self.take = take
        self.protocol: Any = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.take(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.take(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def close(self) -> None: ...


def frame(text: str) -> bytes:
    """A masked text frame, as a browser sends it."""
    data, mask = text.encode(), b"\x01\x02\x03\x04"
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    head = bytes((0x81, 0x80 | len(data))) if len(data) < 126 else struct.pack("!BBH", 0x81, 0x80 | 126, len(data))
    return head + mask + body


class Load:
    """Keeps calls in flight until all are answered."""

    def __init__(self, mode: str, calls: int, warm: int, library: str) -> None:
        transport, _, kind = mode.partition("-")
        self.ws, self.kind = transport == "ws", kind
        self.calls, self.warm = calls, warm
        self.counting = ctypes.CDLL(library) if library else None
        self.sent = self.answered = 0
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.lines: list[Kept] = []
        self.begun = False
        self.messages = [self.message(i) for i in range(calls)]
        """Made before: what a client does is not counted."""

    def feed(self, line: int) -> None:
        i = self.sent
        if i == self.calls:
            return
        self.sent += 1
        self.lines[line].protocol.data_received(self.messages[i])

    def message(self, i: int) -> bytes:
        method, args = ("get", "[]") if self.kind == "readonly" else ("increment", "[1]")
        if self.ws:
            key = f',"key":"r{i}"' if self.kind == "keyed" else ""
            return frame(f'{{"type":"rpc","id":"{i}","method":"{method}","args":{args}{key}}}')
        key = f"Idempotency-Key: r{i}\r\n" if self.kind == "keyed" else ""
        body = f'{{"args":{args}}}'
        return (
            f"POST /v1/agents/counter/k{i % NAMES}/call/{method} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\n{key}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def take(self, line: int, data: bytes) -> None:
        """Count the answers in what a connection was sent."""
        if not self.begun:
            return
        if not self.ws and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"an answer was not 200: {data[:300]!r}")
        for _ in range(data.count(b'"type":"rpc"') if self.ws else data.endswith(b"}")):
            self.answer(line)

    def answer(self, line: int) -> None:
        self.answered += 1
        if self.counting is not None and self.answered == self.warm:
            self.counting.counting_start()
        if self.answered == self.calls:
            if self.counting is not None:
                self.counting.counting_stop()
            self.done.set_result(None)
        else:
            self.loop.call_soon(self.feed, (line + IN_FLIGHT) % len(self.lines) if self.ws else line)


async def drive(mode: str, calls: int, warm: int, library: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore.open(Path(folder) / "agents.db", log_limit=app.limits.log)
        backend = LocalBackend(app, store, idle_after=600.0)
        config = server(backend, Surface(app, backend.runtime, admin_token="bench"), "bench").config
        config.load()
        backend.start()
        load, state = Load(mode, calls, warm, library), ServerState()
        protocol: Any = config.http_protocol_class
        for i in range(NAMES if load.ws else IN_FLIGHT):
            line = Kept(lambda data, i=i: load.take(i, data))  # type: ignore[misc]
            line.protocol = protocol(config=config, server_state=state, app_state={})
            line.protocol.connection_made(line)
            load.lines.append(line)
            if load.ws:
                line.protocol.data_received(UPGRADE.format(i).encode())
        await asyncio.sleep(0.5)
        gc.collect()
        load.begun = True
        for i in range(IN_FLIGHT):
            load.feed(i)
        async with asyncio.timeout(600):
            await load.done
        await backend.stop()
        await store.close()


def main(modes: str, calls: str, warm: str, library: str = "") -> None:
    for mode in modes.split(","):
        print(mode, end=" ", flush=True)
        child = os.fork()
        if not child:
            uvloop.run(drive(mode, int(calls), int(warm), library))
            return
        print(child, flush=True)
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"{mode} ended early")


if __name__ == "__main__":
    main(*sys.argv[1:])
