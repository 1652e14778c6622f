"""A pydantic-ai agent inside a job in the real workerd and on the AWS emulator, its provider on loopback."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from roost.hosting.platform import Project, Serving, quiet
from roost_chat.testing import Busy, Call, Calls, Cut, Loopback, Say, Script
from roost_client import Client
from roost_cloudflare.emulator import WorkerdEmulator
from roost_lambda.harness import TOKEN, LambdaHarness

HERE = Path(__file__).parent / "deployed"
FILES = {path.name: path for path in HERE.glob("*.py")}
PROJECT = Project("app:app", HERE, "thinker", files=FILES)
ADMIN = "sT8q-kept-for_Zx71kLm02vQ"  # of a Worker on loopback that lives for one test


@asynccontextmanager
async def workerd(folder: Path) -> AsyncGenerator[Client, None]:
    running = WorkerdEmulator(PROJECT, Serving(0, folder / "data", ADMIN, {}, quiet))
    url = await running.start()
    try:
        async with Client(url, token=ADMIN) as client:
            yield client
    finally:
        await running.stop()


@asynccontextmanager
async def aws(folder: Path) -> AsyncGenerator[Client, None]:
    harness = LambdaHarness(project=PROJECT)
    try:
        await harness.start(restless=False)
        async with Client(harness.url, base_path=harness.base_path, token=TOKEN) as client:
            yield client
    finally:
        await harness.stop()


@pytest.mark.long
@pytest.mark.parametrize("platform", [workerd, aws])
async def test_an_agent_thinks_there(
    platform: Callable[[Path], AbstractAsyncContextManager[Client]], tmp_path: Path
) -> None:
    """Two tools side by side, 429 with Retry-After, a cut in the middle of a stream; streamed or not."""
    both = Calls(Call("weather", city="Paris"), Call("weather", city="Oslo"))
    async with platform(tmp_path) as client, Loopback({}) as provider:
        desk = client.agent("desk", "a")
        for told in (False, True):
            provider.scripts["a"] = Script(Busy(retry_after=1), both, Cut("so it"), Say("21 and 21"))
            provider.asked.clear()
            id = await desk.call("ask", provider.url, told)
            assert await desk.job(id).result(timeout=120) == ["21 and 21", 2]
            assert [one.turn for one in provider.asked] == [0, 0, 1, 1]
            refused, called, cut, said = [one.key for one in provider.asked]
            assert refused != called, "it was answered: the next request is another one"
            assert cut == said, "it may have been carried out: its key stays"
            assert [bool(one.body.get("stream")) for one in provider.asked] == [told] * 4
