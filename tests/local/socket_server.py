"""A real uvicorn server in a thread for the tests of sockets, and a peer that can misbehave."""

from __future__ import annotations

import asyncio
import socket as net
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.frames import Frame, Opcode

from roost_server.socket import Handshake, Socket, SocketLimits
from roost_server.upgrade import protocol_class

WAIT = 10.0
"""Seconds until a test that waits for something gives up."""

_numbers = count()

Heard = tuple[str, str | bytes] | tuple[str, int, str]


@dataclass(eq=False)
class Ear:
    """A receiver that notes what it hears, and answers messages if there is an `answer`."""

    socket: Socket
    loop: asyncio.AbstractEventLoop
    answer: Callable[[Socket, str | bytes], None] | None = None
    heard: SimpleQueue[Heard] = field(default_factory=SimpleQueue[Heard])

    def text(self, data: str) -> None:
        self.heard.put(("text", data))
        if self.answer is not None:
            self.answer(self.socket, data)

    def binary(self, data: bytes) -> None:
        self.heard.put(("binary", data))
        if self.answer is not None:
            self.answer(self.socket, data)

    def closed(self, code: int, reason: str) -> None:
        self.heard.put(("closed", code, reason))

    def next(self) -> Heard:
        return self.heard.get(timeout=WAIT)

    def do(self, act: Callable[[], None]) -> None:
        """Run `act` on the server's loop and wait until it has run."""
        done = threading.Event()

        def run() -> None:
            try:
                act()
            finally:
                done.set()

        self.loop.call_soon_threadsafe(run)
        assert done.wait(WAIT)


class Door:
    """An endpoint for /agents/...; a test may replace `welcome` and `answer`; `gate` holds `open` up."""

    def __init__(self) -> None:
        self.opened: SimpleQueue[tuple[Handshake, Ear]] = SimpleQueue()
        self.answer: Callable[[Socket, str | bytes], None] | None = Socket.send
        self.welcome: Callable[[Socket], None] | None = None
        self.gate = threading.Event()
        self.gate.set()

    def claims(self, path: str) -> bool:
        return path.startswith("/agents/")

    async def open(self, handshake: Handshake, socket: Socket) -> None:
        ear = Ear(socket, asyncio.get_running_loop(), self.answer)
        socket.receiver = ear
        self.opened.put((handshake, ear))
        if not self.gate.is_set():
            await asyncio.to_thread(self.gate.wait, WAIT)
        if self.welcome is not None:
            self.welcome(socket)

    def ear(self, path: str) -> Ear:
        """The receiver of the connection opened at `path`."""
        while True:
            handshake, ear = self.opened.get(timeout=WAIT)
            if handshake.path == path:
                return ear


@dataclass(eq=False)
class Server:
    port: int
    door: Door
    uvicorn: uvicorn.Server

    def peer(self, path: str = "/agents/room/1", headers: str = "") -> Peer:
        """A connected peer; the handshake is done."""
        peer = Peer(self.port)
        assert peer.handshake(path, headers).startswith(b"HTTP/1.1 101 ")
        return peer

    def pair(self) -> tuple[Peer, Ear]:
        """A connected peer and the server's receiver. `open` has returned unless the gate is shut."""
        path = self.path()
        peer, ear = self.peer(path), self.door.ear(path)
        for _ in range(2):  # the turn `open` ends in, and the one after, in which the socket learns of it
            ear.do(lambda: None)
        return peer, ear

    def path(self) -> str:
        """An agent's path no other test uses."""
        return f"/agents/room/alone-{next(_numbers)}"


async def _web_echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"web:{text}")


@contextmanager
def serving(limits: SocketLimits | None = None, loop: str = "uvloop") -> Generator[Server]:
    listening = net.create_server(("127.0.0.1", 0), backlog=64)
    door = Door()
    web = Starlette(routes=[WebSocketRoute("/web/echo", _web_echo)])
    ws = protocol_class(door, limits)
    config = uvicorn.Config(web, ws=ws, loop=loop, lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield Server(listening.getsockname()[1], door, server)
    finally:
        door.gate.set()
        server.should_exit = True
        thread.join(WAIT)
        listening.close()
        assert not thread.is_alive()


def frame(data: str | bytes, opcode: Opcode | None = None, *, fin: bool = True) -> bytes:
    """A masked frame as a client sends it."""
    if isinstance(data, str):
        data, opcode = data.encode(), Opcode.TEXT
    return Frame(Opcode.BINARY if opcode is None else opcode, data, fin).serialize(mask=True)


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    data = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return frame(data, Opcode.CLOSE)


class Peer:
    """A client at the level of bytes."""

    def __init__(self, port: int) -> None:
        self.net = net.create_connection(("127.0.0.1", port), timeout=WAIT)
        self.net.setsockopt(net.IPPROTO_TCP, net.TCP_NODELAY, 1)
        self.port = port
        self._input = self.net.makefile("rb")

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()
        self.net.close()

    def handshake(self, path: str, headers: str = "", *, version: str | None = "13", method: str = "GET") -> bytes:
        """Returns the head of the answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += ["Upgrade: websocket", "Connection: Upgrade"]
        if "Sec-WebSocket-Key" not in headers:
            lines.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        if version is not None:
            lines.append(f"Sec-WebSocket-Version: {version}")
        self.send(("\r\n".join(lines) + f"\r\n{headers}\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._input.readline()
            assert line, f"closed after {head!r}"
            head += line
        return head

    def send(self, data: bytes) -> None:
        self.net.sendall(data)

    def read(self) -> tuple[Opcode, bytes] | None:
        """The next frame; None at the end of the stream."""
        head = self._input.read(2)
        if len(head) < 2:
            return None
        assert head[0] & 0xF0 == 0x80, "a server's frame is whole"
        size = head[1]
        if size > 125:
            size = int.from_bytes(self._input.read(2 if size == 126 else 8))
        return Opcode(head[0] & 15), self._input.read(size)

    def read_close(self) -> tuple[int, str]:
        """The server's close frame, which must be next."""
        got = self.read()
        assert got is not None
        assert got[0] is Opcode.CLOSE
        return (int.from_bytes(got[1][:2]) if got[1] else 1005), got[1][2:].decode()

    def ended(self) -> bool:
        """True when the server has closed the TCP connection."""
        return self.read() is None

    def reset(self) -> None:
        """Go without a word: a TCP reset."""
        self.net.setsockopt(net.SOL_SOCKET, net.SO_LINGER, struct.pack("ii", 1, 0))
        self._input.close()
        self.net.close()
