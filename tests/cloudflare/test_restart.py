"""A workerd that was killed comes back on the same disk. tests/kills has the load; here is what needs no request."""

from __future__ import annotations

from pathlib import Path

import pytest

from roost_cloudflare.harness import ENTRY, CloudflareHarness, packages
from roost_cloudflare.host import Workerd
from roost_cloudflare.stage import Stage as Worker
from roost_cloudflare.stage import stage as staged
from roost_conformance.stage import Stage

pytestmark = pytest.mark.anyio


async def test_alarm_due_while_down_fires_without_a_request() -> None:
    """The platform wakes the object by itself: nobody speaks to it, only to the one that it tells."""
    harness = CloudflareHarness()
    await harness.start(restless=False)
    try:
        stage = Stage(harness, "restart", restless=False)
        key = stage.key()
        async with stage.agent("player") as sleeper, stage.agent("player", key) as told:
            steps = [["later", "bell", 1.0, [["tell", key, [["add", "rang", 1]]]]]]
            await sleeper.call("play", steps)
            await harness.crash()  # the boot takes longer than the second
            assert harness.booted > 1.0

            async def rang() -> bool:
                return bool(await told.call("total", "rang") == 1)

            await stage.until(rang)
    finally:
        await harness.stop()


async def test_each_process_draws_its_own(tmp_path: Path) -> None:
    """All start from one memory; what is drawn afterwards is not in it."""
    entry = (
        ENTRY.format(module="roost.testing.app")
        + "import os, random\nprint('drew', random.random(), os.urandom(8).hex())\n"
    )
    workerd = Workerd(staged(Worker(entry, packages()), tmp_path), tmp_path)
    for _ in range(2):
        await workerd.start()
        await workerd.kill()
    first, second = [line.split()[1:] for line in workerd.logs if line.startswith("drew")]
    assert first[0] != second[0] and first[1] != second[1]
