"""Rules 37, 41 and 42: jobs that wait, are cancelled, and end; and the agent they belong to meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ..probes.jobs import TAKEN_OVER, Jobs, job_case
from ..probes.pace import paced
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


@job_case("37", "a job that sleeps wakes by itself, though its agent sleeps too and nobody calls")
async def sleeping_job_wakes_by_itself(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        began = time.time()
        id = await jobs.begin("nap", 3.0, jobs.ledger.key)
        await asyncio.sleep(0.5)
        await stage.evict("worker", jobs.agent.address.key)
        assert await jobs.ledger.lines() == []
        await jobs.ledger.until(1)
        assert time.time() >= began + 3.0, "early"
        assert await jobs.value(id) == "slept"


@job_case("22", "a schedule and a job's timer both ring; neither takes the other's place")
async def schedule_and_job_timers_both_ring(stage: Stage) -> None:
    async with stage.client() as client:
        for nap, reminder in ((1.5, 3.0), (3.0, 1.5)):
            jobs = Jobs(stage, client)
            id = await jobs.begin("nap", nap, jobs.ledger.key)
            await jobs.agent.call("remind", reminder, jobs.ledger.key)
            await stage.evict("worker", jobs.agent.address.key)
            lines = await jobs.ledger.until(2)
            assert sorted(lines) == ["reminder", "slept"], lines
            assert await jobs.value(id) == "slept"


@job_case("22", "commits of the agent leave its jobs' timers alone")
async def tick_commit_keeps_job_wake(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.begin("nap", 2.5, jobs.ledger.key)
        for n in range(5):
            await jobs.agent.call("remind", 3600, jobs.ledger.key)
            assert await jobs.agent.call("add", 1) == n + 1
            await asyncio.sleep(0.1)
        await jobs.ledger.until(1)
        assert await jobs.value(id) == "slept"
        await jobs.ledger.stays(["slept"])


@job_case("41", "a cancelled job wakes, tidies up in steps, and ends as cancelled")
async def cancel_wakes_and_compensates(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.begin("nap", 3600.0, jobs.ledger.key, key="k")
        await asyncio.sleep(0.3)
        assert await jobs.agent.call("stop", "k") is True
        done = await jobs.ended(id)
        assert (done["error"], done["key"], done["name"]) == ("cancelled", "k", "nap"), done
        assert await jobs.ledger.until(1) == ["tidied"]
        assert await jobs.agent.call("stop", "k") is False
        assert await jobs.agent.call("stop", id) is False
        assert await jobs.agent.call("listed") == []


@job_case("41", "cancelled while it ends: it ended one way or the other, once")
async def cancel_racing_end_has_one_outcome(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = [Jobs(stage, client) for _ in range(4)]

        async def one(job: Jobs, delay: float) -> None:
            id = await job.begin("nap", 1.0, job.ledger.key)
            await asyncio.sleep(delay)
            heard = await job.agent.call("stop", id)
            done = await job.ended(id)
            if done["error"] is None:
                lines = await job.ledger.until(1)  # one that is cancelled in its last step may have written nothing
                assert done["value"] == "slept" and "slept" in lines, (done, lines)
            else:
                assert heard and done["error"] == "cancelled", done
            await asyncio.sleep(0.3)
            assert [end["id"] for end in (await job.agent.state())["ended"]] == [id], "it ended twice"

        await asyncio.gather(*(one(job, 0.9 + 0.1 * n) for n, job in enumerate(jobs)))


@job_case("42", "a job of a life that is over writes nothing to the next one, and no step begins for it")
async def destroyed_life_reaches_no_new_one(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        await jobs.chain("chain", 1)
        await jobs.gate.arrived()
        await jobs.agent.destroy()
        assert await jobs.agent.call("listed") == []
        assert await jobs.agent.call("add", 10) == 10
        await jobs.gate.open()
        await asyncio.sleep(1.0)
        lines = await jobs.ledger.calm(0.5)
        assert lines == ["step 0", "step 1"], f"steps went on after the end of their agent: {lines}"
        state = await jobs.agent.state()
        assert (state["total"], state["kept"], state["ended"]) == (10, [], [])
        id = await jobs.begin("write", jobs.ledger.key, "anew")
        await jobs.ended(id)


@job_case("28", "a far timer of a destroyed agent's job creates no agent")
async def job_timer_creates_no_agent(stage: Stage) -> None:
    async with stage.client() as client:

        async def attempt(seconds: float) -> bool:
            jobs = Jobs(stage, client)
            began = time.time()
            await jobs.begin("nap", seconds, jobs.ledger.key)
            await jobs.agent.destroy()
            if time.time() >= began + seconds:
                return False
            await jobs.ledger.stays([], began + seconds - time.time() + 0.5)
            await refusal(jobs.agent.state(), "no-agent")
            return True

        await paced(attempt)


@job_case(
    "42", "an end that `on_job` refused for good is a dead letter, and the job is no more; redriven it is told, once"
)
async def refused_end_is_told_when_redriven(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        await jobs.agent.call("refuse_ends", True)
        id = await jobs.begin("large", 3, key="thing")

        async def died() -> list[dict[str, Any]]:
            return await jobs.agent.dead_letters()

        async def two() -> list[dict[str, Any]] | None:
            found = await jobs.agent.dead_letters()
            return found if len(found) == 2 else None

        (dead,) = await stage.until(died, within=TAKEN_OVER)
        assert dead["id"] == f"{id}/end"
        assert await jobs.agent.call("listed") == []
        assert (await jobs.agent.job(id).status())["value"] == "xxx"
        other = await jobs.begin("large", 4, key="thing")
        assert other != id, "the key is free"
        (_, also) = await stage.until(two, within=TAKEN_OVER)
        await jobs.agent.call("refuse_ends", False)
        assert await jobs.agent.redrive(dead["id"]) == 1
        done = await jobs.ended(id)
        assert (done["name"], done["key"], done["value"], done["error"]) == ("large", "thing", "xxx", None)
        assert await jobs.agent.redrive() == 1
        assert (await jobs.ended(other))["value"] == "xxxx" and also["id"] == f"{other}/end"
        assert [x["id"] for x in (await jobs.agent.state())["ended"]] == [id, other]
        assert await jobs.agent.dead_letters() == []


@job_case("36", "many jobs of many agents go on beside each other")
async def many_jobs_go_on_beside_each_other(stage: Stage) -> None:
    async with stage.client() as client:
        ledger = Witness(stage, client)
        jobs = [Jobs(stage, client) for _ in range(4)]
        ids = [
            (job, await job.begin("write", ledger.key, f"{n}.{m}"))
            for n, job in enumerate(jobs)
            for m in range(4)
        ]  # fmt: skip
        words = [await job.value(id) for job, id in ids]
        assert len(set(words)) == 16
        assert sorted(await ledger.lines()) == sorted(f"{n}.{m}" for n in range(4) for m in range(4))
