"""A server that emulates a platform, with its clock in the test's hand: real sockets, no waiting."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from roost import App
from roost.hosting.asyncio_host import AsyncioHost
from roost.hosting.memory import MemoryStore
from roost.ports import Timer
from roost_http import Surface
from roost_local.backend import LocalBackend
from roost_local.emulate import PLATFORMS
from roost_local.server import server
from roost_server.listen import Listen
from roost_server.server import AgentServer

WAIT = 10.0
TOKEN = "emulated"


class Alarm:
    """A call that is due at a time."""

    def __init__(self, call: Callable[[], object] | None) -> None:
        self.call = call

    def cancel(self) -> None:
        self.call = None


class ManualHost(AsyncioHost):
    """The loop's tasks, but time passes only in `advance`."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(seed)
        self.time = 1_800_000_000.0
        self.now = self.monotonic = lambda: self.time
        self._due: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        alarm = Alarm(call)
        heapq.heappush(self._due, (self.time + delay, next(self._order), alarm))
        return alarm

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due runs in order."""
        end = self.time + seconds
        while self._due and self._due[0][0] <= end:
            at, _, alarm = heapq.heappop(self._due)
            self.time = max(self.time, at)
            if alarm.call is not None:
                alarm.call()
        self.time = end


class Peer:
    """A client's end of a WebSocket."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws

    async def next(self, type: str | None = None) -> Any:
        """The next frame, or the next of a type."""
        async with asyncio.timeout(WAIT):
            while True:
                frame = json.loads(await self.ws.recv())
                if type is None or frame.get("type") == type:
                    return frame

    async def silent(self) -> bool:
        """Whether nothing was sent: a pong comes back, and no frame before it."""
        waiting = asyncio.ensure_future(self.ws.recv())
        await self.seen()
        done = waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return not done

    async def seen(self) -> None:
        """The server has read all that was sent."""
        async with asyncio.timeout(WAIT):
            await (await self.ws.ping())

    async def closed(self) -> tuple[int | None, str | None]:
        """How the server closed."""
        async with asyncio.timeout(WAIT):
            await self.ws.wait_closed()
        return self.ws.close_code, self.ws.close_reason

    async def send(self, **frame: Any) -> None:
        await self.ws.send(json.dumps(frame))

    async def call(self, method: str, *args: Any, id: str = "1", **more: Any) -> None:
        await self.send(type="rpc", id=id, method=method, args=list(args), **more)


@dataclass
class Platform:
    url: str
    host: ManualHost
    backend: LocalBackend
    server: AgentServer

    @asynccontextmanager
    async def dial(self, path: str) -> AsyncGenerator[Peer]:
        """A connection after its handshake, not greeted yet."""
        async with connect(self.url.replace("http", "ws") + path, ping_interval=None) as ws:
            yield Peer(ws)

    @asynccontextmanager
    async def peer(self, kind: str, key: str, base: str = "/prod") -> AsyncGenerator[Peer]:
        """A connection to an agent, greeted."""
        async with self.dial(f"{base}?agent={kind}&name={key}") as peer:
            self.host.advance(1)
            while (await peer.next())["type"] != "cf_agent_mcp_servers":
                pass
            yield peer


@asynccontextmanager
async def platform(app: App, name: str, seed: int = 1) -> AsyncGenerator[Platform]:
    """A server on an ephemeral port that behaves as the platform does."""
    rules, host = PLATFORMS[name], ManualHost(seed)
    backend = LocalBackend(app, MemoryStore(), capabilities=rules.capabilities, host=host)
    running = server(backend, Surface(app, backend.runtime, admin_token=TOKEN), TOKEN, rules)
    running.install_signals = False
    sock = Listen(port=0).bind()
    backend.start()
    task = asyncio.ensure_future(running.serve(sockets=[sock]))
    while not (running.started or task.done()):  # noqa: ASYNC110 uvicorn has no event for it
        await asyncio.sleep(0)
    try:
        yield Platform(f"http://127.0.0.1:{sock.getsockname()[1]}", host, backend, running)
    finally:
        running.should_exit = True
        await task
        await backend.stop()
