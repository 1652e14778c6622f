"""The hostile page of test_browser.py at the platforms' own runtimes: workerd and the AWS emulator."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from roost_cloudflare.harness import CloudflareHarness
from roost_conformance.harness import Harness
from roost_lambda.harness import LambdaHarness

from .test_browser import assault, hostile, learned_nothing, port

pytestmark = pytest.mark.anyio
AGENT, OTHER = "clerk/victim", "clerk/nobody"


@pytest.mark.parametrize("made", [CloudflareHarness, LambdaHarness])
async def test_a_page_gets_nothing_of_a_platform(made: type[Any]) -> None:
    harness: Harness = made()
    await harness.start(restless=False)
    try:
        rebound = f"http://evil.test:{port(harness.url)}"
        path = f"/{harness.base_path}?agent=clerk&name=victim" if harness.base_path else f"/agents/{AGENT}"
        async with httpx.AsyncClient(base_url=harness.url, timeout=60) as http:
            (await http.post(f"/v1/agents/{AGENT}/call/add", json={"args": [1]})).raise_for_status()
            before = (await http.get(f"/v1/agents/{AGENT}/state")).json()
            steps = [
                assault(f"{at}/", to, to.replace("http", "ws", 1) + path, agent=AGENT, other=OTHER)
                for at, to in ((rebound, rebound), ("http://evil.test:{own}", harness.url))
            ]
            found = (await asyncio.to_thread(hostile, *steps))["found"]
            assert found[0]["status"] == 421
            learned_nothing(found)
            for step in found:
                for name in ("list", "state", "status", "events", "call", "destroy", "export"):
                    assert " 200 " not in step["got"][name], (step["at"], name, step["got"][name])
            assert (await http.get(f"/v1/agents/{AGENT}/state")).json() == before
            assert (await http.get(f"/v1/agents/{OTHER}")).status_code == 404
    finally:
        await harness.stop()
