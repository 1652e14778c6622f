from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field

import pytest
from anyio.from_thread import start_blocking_portal

from roost_client import Backoff, Client

from .fake import Fake, Server


@dataclass
class Waits:
    """Stands in for sleeping: keeps the seconds asked for, and lets others run."""

    seconds: list[float] = field(default_factory=list[float])
    now: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def backoff(waits: Waits) -> Backoff:
    return Backoff(random=lambda: 0.0, clock=lambda: waits.now, sleep=waits.sleep)


@pytest.fixture(scope="session")
async def server(anyio_backend: str) -> AsyncGenerator[Server, None]:
    async with Server().serve() as server:
        yield server


@pytest.fixture
async def fake(server: Server) -> Fake:
    return server.fresh()


@pytest.fixture(scope="session")
def threaded_server() -> Generator[Server, None, None]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Server().serve()) as server:
        yield server


@pytest.fixture
def threaded(threaded_server: Server) -> Fake:
    """Served on a thread of its own, for tests that block."""
    return threaded_server.fresh()


@pytest.fixture
async def client(fake: Fake) -> AsyncGenerator[Client, None]:
    async with Client(fake.url, timeout=5) as client:
        yield client


@pytest.fixture
async def stubborn(fake: Fake, backoff: Backoff) -> AsyncGenerator[Client, None]:
    """A client that repeats twice."""
    async with Client(fake.url, timeout=5, retries=2, backoff=backoff) as client:
        yield client
