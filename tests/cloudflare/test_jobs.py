"""Jobs in Durable Objects, as only the platform can show it: what keeps an object awake, what wakes it, what it costs.
The rest is in the conformance suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from roost_cloudflare.harness import ENTRY, TOKEN, packages
from roost_cloudflare.host import Workerd
from roost_cloudflare.stage import Stage, stage

from .conftest import COUNTED

pytestmark = pytest.mark.anyio
AGENTS = Path(__file__).with_name("job_agents.py")
RECOVERS = """
import roost.engine.jobs.executor
roost.engine.jobs.executor.CLAIM = 3.0
"""
"""The alarm that a dead object leaves behind: in 3 s, not in 30."""


def contains(what: str, found: list[str]) -> bool:
    return what in found


class Deployed:
    """The agents in a workerd of their own."""

    def __init__(self, workerd: Workerd) -> None:
        self.workerd = workerd

    async def get(self, agent: str, name: str) -> Any:
        async with httpx.AsyncClient(base_url=self.workerd.url, timeout=60) as client:
            answer = await client.get(f"/agents/{agent}/{name}")
            return answer.text

    async def call(self, agent: str, action: str, *args: Any) -> Any:
        async with httpx.AsyncClient(base_url=self.workerd.url, timeout=60) as client:
            answer = await client.post(f"/v1/agents/{agent}/call/{action}", json={"args": args})
            assert answer.status_code == 200, answer.text
            return answer.json()["result"]

    async def until(self, agent: str, action: str, true: Callable[[list[str]], bool], seconds: float = 40) -> list[str]:
        found: list[str] = []
        for _ in range(int(seconds * 5)):
            found = await self.call(agent, action)
            if true(found):
                return found
            await asyncio.sleep(0.2)
        raise AssertionError(found)

    async def either(self, wanted: dict[str, list[str]]) -> None:
        """Until one of these agents has heard what it should."""
        found = dict[str, list[str]]()
        for _ in range(200):
            for agent, said in wanted.items():
                found[agent] = await self.call(agent, "heard")
                if found[agent] == said:
                    return
            await asyncio.sleep(0.2)
        raise AssertionError(found)

    async def counts(self, key: str) -> tuple[int, int, int]:
        """(rows written, alarms set, objects made) so far."""
        _, written, alarms, born = map(int, (await self.get(f"worker/{key}", "counts")).split())
        return written, alarms, born


@asynccontextmanager
async def deployed(folder: Path) -> AsyncGenerator[Deployed]:
    what = Stage(
        ENTRY.format(module="job_agents") + COUNTED + RECOVERS, [*packages(), AGENTS], {"ROOST_ADMIN_TOKEN": TOKEN}
    )
    workerd = Workerd(stage(what, folder), folder)
    try:
        await workerd.start()
        yield Deployed(workerd)
    except BaseException:
        print("\n".join(workerd.logs))  # noqa: T201
        raise
    finally:
        await workerd.stop()


async def test_what_keeps_an_object_awake_what_wakes_it_and_what_it_costs(tmp_path: Path) -> None:
    async with deployed(tmp_path) as here:
        await here.call("worker/long", "begin", "lingers", [13.0])
        await here.call("worker/far", "begin", "naps", [14.0, "nap"])
        await here.call("worker/far", "ring", 13.0)
        began = asyncio.get_running_loop().time()

        costs = dict[int, tuple[int, int]]()
        await here.call("worker/costs", "begin", "steps", [1])  # its first job makes the tables
        await here.until("worker/costs", "ended", lambda found: found == ["steps 1"])
        for steps in (2, 7):
            await asyncio.sleep(1.5)  # the alarm that is not wanted any more is taken off
            before = await here.counts("costs")
            await here.call("worker/costs", "begin", "steps", [steps])
            await here.until("worker/costs", "ended", partial(contains, f"steps {steps}"))
            await asyncio.sleep(1.5)
            after = await here.counts("costs")
            costs[steps] = after[0] - before[0], after[1] - before[1]
        assert costs[7][0] - costs[2][0] == 10, "a row when it ran, and one when the job ends and it is deleted"
        assert costs[2][0] <= 24, "docs/jobs.md says what they are"
        assert max(alarms for _, alarms in costs.values()) <= 5

        for first in (0, 32):
            await here.call("worker/many", "begin_many", first, 32)
        ended = await here.until("worker/many", "ended", lambda found: len(found) == 64)
        assert f"work {sum(i * i for i in range(64))}" in ended
        assert len(await here.call("witness/many", "heard")) == 64
        await here.call("worker/large", "begin", "large", [2**20 - 100])
        await here.until("worker/large", "ended", lambda found: found == [f"large {2**20 - 100}"])

        await asyncio.sleep(max(0.0, began + 12 - asyncio.get_running_loop().time()))  # nobody asks those two
        heard = await here.until("witness/far", "heard", lambda found: len(found) == 3)
        assert heard == ["nap 1", "rang", "nap 2"]
        assert await here.until("worker/long", "ended", bool) == ["lingers None"]
        assert await here.call("witness/long", "heard") == ["before", "lingers"], "its object was kept for the step"


async def test_after_its_object_died_a_job_goes_on_by_the_alarm(tmp_path: Path) -> None:
    async with deployed(tmp_path) as here:
        await here.call("worker/a", "begin", "lingers", [2.0])
        await here.call("worker/b", "begin", "pays", [60.0])
        await here.call("worker/c", "begin", "naps", [4.0, "nap"])
        await here.until("witness/a", "heard", lambda found: "lingers" in found)
        await here.until("witness/b", "heard", lambda found: found == ["pays"])
        await here.until("witness/c", "heard", lambda found: found == ["nap 1"])
        await here.workerd.kill()
        await here.workerd.start()
        # Only those that are told are asked: nothing but their alarms wakes the workers. workerd was seen to lose one
        # alarm when it is killed; the next event makes up for it.
        await here.either({"witness/a": ["before", "lingers", "lingers"], "witness/c": ["nap 1", "nap 2"]})
        assert await here.until("worker/a", "ended", bool) == ["lingers None"]
        assert await here.call("witness/a", "heard") == ["before", "lingers", "lingers"]
        assert await here.until("worker/c", "ended", bool) == ["naps None"]
        assert await here.call("witness/c", "heard") == ["nap 1", "nap 2"]
        assert await here.until("worker/b", "ended", bool) == ["pays step-unknown"]
        assert await here.call("witness/b", "heard") == ["pays"]
