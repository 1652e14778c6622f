"""The surface over a runtime in memory: under a virtual clock without a network, or served on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import uvicorn

from roost import Agent, App
from roost.contract.errors import PROBLEM_TYPE
from roost.engine.runtime import Runtime
from roost.hosting.asyncio_host import AsyncioHost
from roost.hosting.memory import MemoryStore
from roost.hosting.resident import Resident
from roost.ports import Capabilities
from roost.testing import World, world
from roost.testing.peer import WorldWire
from roost.testing.world import NoFetch
from roost_http import Surface

from .agents import Counter, Named, Quiet

TOKEN = "admin-token"
ADMIN = {"authorization": f"Bearer {TOKEN}"}
AGENTS: list[type[Agent[Any, Any]]] = [Counter, Quiet, Named]


def make_app(**options: Any) -> App:
    return App(AGENTS, **options)


@dataclass(slots=True)
class Rig:
    """A world and its surface, with a client of that."""

    world: World
    surface: Surface
    http: httpx.AsyncClient

    @property
    def runtime(self) -> Runtime:
        return self.world.backend.runtime

    async def call(self, action: str, *args: Any, kind: str = "counter", key: str = "a", **kwargs: Any) -> Any:
        path = f"/v1/agents/{kind}/{quote(key, safe='')}/call/{action}"
        answer = await self.http.post(path, json={"args": args, "kwargs": kwargs})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def frozen(self) -> list[tuple[Any, ...]]:
        """All that is stored, to compare."""
        page = await self.runtime.page(None, "", None, 1000)
        found: list[tuple[Any, ...]] = []
        for row in page.rows:
            snapshot = await self.runtime.snapshot(row.address)
            log, _ = await self.runtime.events(row.address, 0, frozenset(), 1000)
            found.append((row, snapshot.state, snapshot.letters, snapshot.waiting, tuple(log)))
        return found


@asynccontextmanager
async def rig(app: App | None = None, *, admin_token: str | None = TOKEN, **options: Any) -> AsyncGenerator[Rig, None]:
    """Everything in this process, time virtual. `options` go to the surface."""
    app = app or make_app()
    async with world(app, seed=1) as w:
        surface = Surface(app, lambda: w.backend.runtime, admin_token=admin_token, **options)
        transport = httpx.ASGITransport(surface)
        async with httpx.AsyncClient(transport=transport, base_url="http://roost.test") as http:
            yield Rig(w, surface, http)


@dataclass(slots=True)
class Served:
    """A surface behind a real server."""

    url: str
    port: int
    runtime: Runtime
    http: httpx.AsyncClient


@asynccontextmanager
async def served(
    app: App | None = None, capabilities: Capabilities | None = None, *, store: MemoryStore | None = None
) -> AsyncGenerator[Served, None]:
    """uvicorn on a free port of the loopback interface."""
    app = app or make_app()
    host = AsyncioHost(seed=1)
    store = store or MemoryStore(log_limit=app.limits.log)
    backend = Resident(app, store, WorldWire(), NoFetch(None), host, capabilities or Capabilities("test", jobs=True))
    backend.start()
    surface = Surface(app, backend.runtime, admin_token=TOKEN)
    config = uvicorn.Config(surface, port=0, lifespan="on", log_level="warning", ws="none", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not task.done()
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=10) as http:
            yield Served(url, port, backend.runtime, http)
    finally:
        await backend.stop()
        server.should_exit = True
        await task
        await host.close()


def refused(answer: httpx.Response, status: int, code: str, words: str = "") -> dict[str, Any]:
    """The problem document of a refusal, checked."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    doc: dict[str, Any] = answer.json()
    assert (doc["status"], doc["code"], doc["type"]) == (status, code, PROBLEM_TYPE + code)
    assert words in doc["detail"], doc["detail"]
    return doc


@dataclass(slots=True)
class Sent:
    """One server-sent event."""

    event: str
    data: Any
    id: str | None


def parse(text: str) -> list[Sent]:
    """The events of a stream; comments and retry hints are left out."""
    found: list[Sent] = []
    for block in text.split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        if "data" in fields:
            found.append(Sent(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id")))
    return found


def kinds(events: Sequence[Sent]) -> list[str]:
    return [e.event for e in events]
