"""What a case gets: clients of the deployment under test, fresh keys, patience, and the means to hurt it."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect

from roost.contract.address import Address
from roost.contract.errors import TransientError
from roost.ports import Capabilities
from roost_client import AgentHandle, Client

from .crowd import Crowd
from .harness import Harness

PATIENCE = 15.0
"""Seconds within which what must happen happens; a bound on failure, not a measurement."""
PAUSE = 0.02
"""Seconds between two looks at what must happen."""
_numbers = itertools.count(1)
_RUN: Final = secrets.token_hex(3)
"""A deployment that outlives a run meets the next one with other keys."""


class Stage:
    """One case's view of the deployment."""

    def __init__(self, harness: Harness, name: str, *, restless: bool, crowd: Crowd | None = None) -> None:
        """`crowd`: those that die together."""
        self.harness = harness
        self._crowd = crowd
        self.name = name
        self.restless = restless
        self.patience: float = getattr(harness, "patience", PATIENCE)
        self.pause: float = getattr(harness, "pause", PAUSE)

    @property
    def url(self) -> str:
        return self.harness.url

    @property
    def capabilities(self) -> Capabilities:
        return self.harness.capabilities

    @property
    def thinks(self) -> bool:
        """Whether the deployment has the suite's chat agents."""
        return bool(getattr(self.harness, "thinks", True))

    def key(self, suffix: str = "") -> str:
        """A key no other case uses."""
        return f"{self.name}-{_RUN}-{next(_numbers)}{suffix}"

    def client(self, **options: Any) -> Client:
        """A new client; admin unless `token=None` is given."""
        options.setdefault("token", self.harness.admin_token)
        return Client(self.url, base_path=self.harness.base_path, **options)

    @asynccontextmanager
    async def agent(self, kind: str, key: str | None = None, **options: Any) -> AsyncGenerator[AgentHandle, None]:
        """A handle on a fresh agent of that kind."""
        async with self.client(**options) as client:
            yield client.agent(kind, key or self.key())

    @asynccontextmanager
    async def http(self, *, admin: bool = False) -> AsyncGenerator[httpx.AsyncClient, None]:
        """Raw HTTP."""
        headers = {"authorization": f"Bearer {self.harness.admin_token}"} if admin else {}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30) as client:
            yield client

    def path(self, kind: str, key: str, *rest: str) -> str:
        """/v1/agents/{kind}/{key}/..."""
        return "/".join(["/v1/agents", kind, quote(key, safe=""), *rest])

    def socket(self, kind: str, key: str, /, *, headers: Mapping[str, str] | None = None, **query: str) -> connect:
        """A raw WebSocket, as a browser would open it: `async with stage.socket("counter", key) as ws`."""
        base = self.url.replace("http", "ws", 1)
        if self.harness.base_path is not None:
            url = f"{base}/{self.harness.base_path}?{urlencode({'agent': kind, 'name': key, **query})}"
        else:
            url = f"{base}/agents/{kind}/{quote(key, safe='')}" + (f"?{urlencode(query)}" if query else "")
        return connect(url, compression=None, max_size=None, open_timeout=self.patience, additional_headers=headers)

    async def evict(self, kind: str, key: str) -> None:
        """Hibernate the agent now."""
        await self.harness.evict(Address(kind, key))

    async def crash(self) -> None:
        """kill -9 and restart on the same storage."""
        await (self.harness if self._crowd is None else self._crowd).crash()

    async def until(self, probe: Callable[[], Awaitable[Any]], *, within: float | None = None) -> Any:
        """The probe's first true answer. AssertionError with its last answer when it never comes. A probe only looks:
        one that got no answer, or was to come again, looks again."""
        within = max(within or 0.0, self.patience)
        edge, pause = time.monotonic() + within, self.pause
        while True:
            try:
                found = await probe()
            except TransientError as error:
                if time.monotonic() >= edge:
                    raise
                found, last = None, error
            else:
                last = found
            if found:
                return found
            assert time.monotonic() < edge, f"not within {within:.0f} s; last answer: {last!r}"
            await asyncio.sleep(pause)
            pause = max(self.pause, min(1.5 * pause, 0.2))

    async def frame(self, socket: ClientConnection, type: str | None = None) -> Any:
        """The next frame (of that type, others passed over), parsed."""
        from pydantic_core import from_json

        async with asyncio.timeout(self.patience):
            while True:
                raw = await socket.recv()
                try:
                    frame: object = from_json(raw)
                except ValueError:
                    frame = raw
                if type is None or (isinstance(frame, dict) and cast("dict[str, Any]", frame).get("type") == type):
                    return cast(Any, frame)
