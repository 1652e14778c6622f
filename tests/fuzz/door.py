"""The way to an app: in this process under a virtual clock, or a deployment over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx

from roost.testing import World, world
from roost_conformance.harness import Harness
from roost_http import Surface

from .app import app

T = TypeVar("T")
TOKEN = "fuzz"


class Door(Protocol):
    """What the machine needs of a deployment."""

    def run(self, work: Coroutine[Any, Any, T]) -> T: ...
    async def ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response: ...
    async def settle(self, seconds: float) -> None:
        """Let what is due within these seconds happen."""
        ...

    def close(self) -> None: ...


def path(name: str, key: str, rest: str = "") -> str:
    """Of an agent of the family."""
    return f"/v1/agents/fuzz-{name}/{quote(key, safe='')}{rest}"


class Here:
    """In this process: a world under a virtual clock, and its HTTP surface without a network."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.run(self._open())

    async def _open(self) -> None:
        self._world: World = await self._stack.enter_async_context(world(app, seed=1))
        surface = Surface(app, lambda: self._world.backend.runtime, admin_token=TOKEN)
        self._http = await self._stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(surface), base_url="http://localhost",
                headers={"authorization": f"Bearer {TOKEN}"},
            )
        )  # fmt: skip

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        headers = {} if body is None else {"content-type": "application/json"}
        return await self._http.request(method, path, content=body, headers=headers)

    async def settle(self, seconds: float) -> None:
        await self._world.advance(seconds=seconds)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()


class There:
    """A deployment that a conformance harness starts."""

    def __init__(self, harness: Harness) -> None:
        self._runner = asyncio.Runner()
        self._harness = harness
        self.run(harness.start(restless=False))
        self._http = httpx.AsyncClient(
            base_url=harness.url, timeout=60, headers={"authorization": f"Bearer {harness.admin_token}"}
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    async def ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        headers = {} if body is None else {"content-type": "application/json"}
        return await self._http.request(method, path, content=body, headers=headers)

    async def settle(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.3))

    def close(self) -> None:
        self.run(self._http.aclose())
        self.run(self._harness.stop())
        self._runner.close()
