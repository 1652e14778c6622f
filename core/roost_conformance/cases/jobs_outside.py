"""Surfaces of jobs: who may start, see, cancel and hold one from outside, and what is told of it."""

from __future__ import annotations

import asyncio
import time

from ..probes.jobs import Jobs, job_case
from ..probes.refusal import refusal
from ..stage import Stage


@job_case("http", "operators start jobs by name: the arguments are checked, a key names one live job")
async def job_is_started_from_outside(stage: Stage) -> None:
    async with stage.client() as client, stage.client(token=None) as nobody:
        jobs = Jobs(stage, client)
        job = await jobs.agent.start("write", jobs.ledger.key, "here", key="k")
        assert (await job.result(stage.patience)).startswith("here ")
        nap = await jobs.agent.start("nap", 3600.0, key="n")
        assert (await jobs.agent.start("nap", 3600.0, key="n")).id == nap.id
        await refusal(jobs.agent.start("nap", 1.0, key="n"), "job-arguments")
        for wrong in (jobs.agent.start("nap", "x"), jobs.agent.start("nap"), jobs.agent.start("nap", 1, depth=2)):
            error = await refusal(wrong, "bad-arguments")
            assert error.status == 422 and "nap" in error.message, repr(error)
        fresh = client.agent("worker", stage.key())
        await refusal(fresh.start("nap", "x"), "bad-arguments")
        await refusal(fresh.status(), "no-agent")
        assert (await refusal(jobs.agent.start("add", 1))).status == 404
        assert (await refusal(jobs.agent.start("never"))).status == 404
        stranger = nobody.agent("worker", jobs.agent.address.key)
        assert (await refusal(stranger.start("nap", 1.0), "not-allowed")).status == 403
        one, two = [await jobs.agent.start("nap", 9.0, idempotency_key="same") for _ in range(2)]
        assert one.id == two.id
        assert len(await jobs.agent.call("listed")) == 2


@job_case(
    "http", "a job is seen as it goes: its status, and at last its value or its error; waiting for it ends with it"
)
async def job_is_seen_from_outside(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        began = time.time()
        id = await jobs.chain("write")
        await refusal(jobs.agent.job("9.9").status(), "no-job")
        await jobs.gate.open()
        id = await jobs.begin("chain", jobs.ledger.key, (gate := Jobs(stage, client)).gate.key, 1, key="k")
        await gate.gate.arrived()
        for name in (id, "k"):
            found = await jobs.agent.job(name).status()
            assert (found["id"], found["key"], found["name"], found["status"]) == (id, "k", "chain", "running"), found
            assert began - 60 < found["started"] < found["deadline"], found
        waiting = asyncio.create_task(jobs.agent.job("k").result(stage.patience))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await gate.gate.open()
        assert len(await waiting) == 5
        done = await jobs.agent.job(id).status()
        assert done["status"] == "ended" and done["value"] == waiting.result(), done
        await refusal(jobs.agent.job("k").status(), "no-job")
        large = jobs.agent.job(await jobs.begin("large", 200_000))
        assert (await refusal(large.result(stage.patience))).code == "limit-result"
        listed = await jobs.agent.jobs()
        assert listed[0]["id"] == large.id and len(listed) == 3, listed
        assert len(await jobs.agent.jobs(limit=1)) == 1


@job_case("http", "who started a job may see and cancel it; strangers are told that it is not there")
async def strangers_cannot_cancel_or_read(stage: Stage) -> None:
    key = stage.key()
    async with (
        stage.client(token="user:ann") as ann, stage.client(token="user:bob") as bob, stage.client() as operator,
        stage.client(token=None) as nobody,
    ):  # fmt: skip
        mine, theirs = ann.agent("worker", key), bob.agent("worker", key)
        id = await mine.call("begin", "nap", [3600.0])
        other = await nobody.agent("worker", key).call("begin", "nap", [3600.0])
        assert (await mine.job(id).status())["by"] == {"source": "client", "principal": "ann"}
        for stranger in (theirs, nobody.agent("worker", key)):
            for job in (id, other):
                assert (await refusal(stranger.job(job).status(), "no-job")).status == 404
                assert (await refusal(stranger.job(job).cancel(), "no-job")).status == 404
            assert await stranger.jobs() == []
            assert (await refusal(stranger.job(id).hold())).status in (401, 403)
        assert [job["id"] for job in await mine.jobs()] == [id]
        assert [job["id"] for job in await operator.agent("worker", key).jobs()] == [id, other]
        await mine.job(id).cancel()
        error = await refusal(mine.job(id).result(stage.patience), "cancelled")
        assert "cancelled" in error.message
        assert (await refusal(mine.job(id).cancel())).code in ("job-ended", "no-job")


@job_case("http", "a held job begins no step and keeps its timers; resumed, it goes on")
async def held_job_goes_on_when_resumed(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        job = jobs.agent.job(await jobs.begin("nap", 1.0, jobs.ledger.key))
        await job.hold()
        assert (await job.status())["status"] == "held"
        await asyncio.sleep(1.5)
        assert await jobs.ledger.lines() == [], "a held job went on"
        assert (await job.status())["status"] == "held"
        await job.resume()
        assert await job.result(stage.patience) == "slept"
        assert await jobs.ledger.lines() == ["slept"]
