"""What one client does, once each, over HTTP and WebSocket to any deployment of costly.py: for the figures of
docs/security.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 60.0
Deed = Callable[[int], Awaitable[object]]


@dataclass(slots=True)
class Client:
    """`sockets`: how a WebSocket to an agent is addressed: a URL with {key}."""

    http: httpx.AsyncClient
    sockets: str
    open: list[ClientConnection] = field(default_factory=list[ClientConnection])

    async def post(self, key: str, what: str = "call/add", status: int = 200, **more: object) -> None:
        headers = {k.replace("_", "-"): str(v) for k, v in more.items() if k != "content"}
        content = more.get("content", b"{}")
        assert isinstance(content, bytes)
        answer = await self.http.post(
            f"/v1/agents/counter/{key}/{what}", content=content,
            headers={"content-type": "application/json", **headers},
        )  # fmt: skip
        assert answer.status_code == status, answer.text

    async def dial(self, key: str, token: str = "") -> ClientConnection:
        url = self.sockets.format(key=key) + (f"&token={token}" if token else "")
        return await connect(url, open_timeout=PATIENCE, compression=None)

    async def greeted(self, key: str) -> None:
        """A socket, greeted, that stays."""
        socket = await self.dial(key)
        self.open.append(socket)
        await until(socket, "cf_agent_mcp_servers")

    async def frame(self, n: int) -> None:
        socket = self.open[-1]
        await socket.send(json.dumps({"type": "rpc", "id": str(n), "method": "add", "args": [1]}))
        await until(socket, '"rpc"')

    async def refused(self, key: str) -> None:
        """A socket whose token the hook does not take."""
        with suppress(ConnectionClosed, InvalidStatus):
            socket = await self.dial(key, "bad")
            async with asyncio.timeout(PATIENCE):
                while True:
                    await socket.recv()

    async def use_up(self) -> None:
        """All that `little` may do: at each host that counts by itself."""
        refused = 0
        while refused < 8:
            answer = await self.http.post(
                "/v1/agents/counter/warm/call/add", headers={"authorization": "Bearer little"}
            )
            refused = refused + 1 if answer.status_code == 429 else 0

    def deeds(self) -> dict[str, Deed]:
        """What it is called -> does it; the number is another one each time."""
        return {
            "a call": lambda n: self.post("warm"),
            "a read-only call": lambda n: self.post("warm", "call/get"),
            "a call with a key": lambda n: self.post("warm", idempotency_key=f"k{n}"),
            "a tell": lambda n: self.post("warm", "tell/add", 202),
            "a tell with a delay": lambda n: self.post("warm", "tell/add", 202, content=b'{"delay":86400}'),
            "a call that makes an agent": lambda n: self.post(f"made{n}"),
            "a call that the hook refuses": lambda n: self.post("warm", status=401, authorization="Bearer bad"),
            "a call beyond its rate": lambda n: self.post("warm", status=429, authorization="Bearer little"),
            "a body that is too large": lambda n: self.post("warm", status=413, content=b" " * (1 << 21)),
            "a WebSocket, greeted": lambda n: self.greeted("warm"),
            "a call over a WebSocket": self.frame,
            "a WebSocket that the hook refuses": lambda n: self.refused("warm"),
        }


async def until(socket: ClientConnection, text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while text not in str(await socket.recv()):
            pass


@asynccontextmanager
async def client(url: str, sockets: str) -> AsyncGenerator[Client]:
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as http:
        one = Client(http, sockets)
        for _ in range(3):
            await one.post("warm")
            await one.post("warm", "tell/add", 202)
        try:
            yield one
        finally:
            for socket in one.open:
                await socket.close()
