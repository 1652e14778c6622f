"""Whoever guesses tokens is stopped before the hook is asked again, by every way in."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect

from roost import App, Caller, Credentials, Quotas, Rate
from tests.local.inside import inside

from .app import Counter

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_handshakes_and_requests_are_counted_together() -> None:
    asked: list[bool] = []

    async def hook(credentials: Credentials) -> Caller | None:
        asked.append(credentials.websocket)
        return None

    async with inside(App([Counter], auth=hook, quotas=Quotas(calls=Rate(5)))) as (port, _):

        async def handshake(n: int) -> str:
            async with connect(f"ws://127.0.0.1:{port}/agents/counter/a?token={n}") as ws, asyncio.timeout(10):
                return str(json.loads(await ws.recv())["problem"]["code"])

        found = [await handshake(n) for n in range(3)]
        async with httpx.AsyncClient(timeout=10) as http:
            for n in range(3):
                answer = await http.get(
                    f"http://127.0.0.1:{port}/v1/agents/counter/a", headers={"authorization": f"Bearer {n}"}
                )
                found.append(answer.json()["code"])
        found.append(await handshake(9))
        assert found == ["unauthorized"] * 5 + ["limit-quota-calls"] * 2
        assert asked == [True] * 3 + [False] * 2, "the hook was asked although its answers were used up"
