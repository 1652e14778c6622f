"""Rules 32 to 34: how jobs start, what their bodies may do, and what their steps' results are."""

from __future__ import annotations

import asyncio

from ..probes.jobs import Jobs, job_case
from ..probes.listener import Listener
from ..probes.refusal import refusal
from ..stage import Stage


@job_case("32", "a start leaves with its commit: none of a tick that failed, or that is readonly")
async def start_leaves_with_the_commit(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        await refusal(jobs.agent.call("begin_and_fail", jobs.ledger.key), "not-now")
        await refusal(jobs.agent.call("begin_readonly", jobs.ledger.key))
        assert await jobs.agent.call("listed") == []
        id = await jobs.begin("write", jobs.ledger.key, "once")
        word = await jobs.value(id)
        await jobs.ledger.stays(["once"])
        assert word.startswith("once "), word
        kinds = [entry.kind async for entry in jobs.agent.events(follow=False)]
        assert kinds == ["job-started", "job-ended"], kinds


@job_case("32", "a key names one live job: the same arguments are that job, others are refused")
async def live_key_is_one_job(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        first = await jobs.begin("nap", 3600.0, key="k")
        assert await jobs.begin("nap", 3600.0, key="k") == first
        error = await refusal(jobs.begin("nap", 3601.0, key="k"), "job-arguments")
        assert error.status == 409 and "k" in error.message, repr(error)
        await refusal(jobs.begin("write", jobs.ledger.key, "x", key="k"), "job-arguments")
        other, nameless = await jobs.begin("nap", 3601.0, key="l"), await jobs.begin("nap", 3600.0)
        assert len({first, other, nameless}) == 3
        assert await jobs.agent.call("listed") == [[first, "nap", "k"], [other, "nap", "l"], [nameless, "nap", None]]


@job_case("32", "a key whose job ended names the next one, which has an id of its own")
async def ended_key_starts_anew(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        first = await jobs.begin("write", jobs.ledger.key, "a", key="k")
        await jobs.ended(first)
        second = await jobs.begin("write", jobs.ledger.key, "a", key="k")
        assert second != first
        await jobs.ended(second)
        assert await jobs.ledger.lines() == ["a", "a"]


@job_case(
    "32", "a schedule starts a job under its own key; what the job does not take is refused where it is scheduled"
)
async def schedule_starts_a_job(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        await refusal(jobs.agent.call("write_later", 0.2, jobs.ledger.key, {"no": "text"}), "bad-arguments")
        await jobs.agent.call("write_later", 0.2, jobs.ledger.key, "scheduled")
        await jobs.ledger.until(1)

        async def over() -> bool:
            return bool((await jobs.agent.state())["ended"])

        await stage.until(over)
        [done] = (await jobs.agent.state())["ended"]
        assert (done["key"], done["name"], done["error"]) == ("nightly", "write", None), done
        await jobs.ledger.stays(["scheduled"])
        assert (await jobs.agent.status())["schedules"] == []


@job_case(
    "46", "more jobs than an agent may have, too large an outcome, too long a run: each is told by name", alone=True
)
async def limits_and_deadline_are_named(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        brief, large = await jobs.begin("brief", jobs.gate.key), await jobs.begin("large", 200_000)
        assert (await jobs.ended(large))["error"] == "limit-result"
        assert (await jobs.ended(brief))["error"] == "deadline"
        await jobs.gate.open()
        await jobs.agent.call("begin_many", 40, 3600.0)

        async def asleep() -> bool:  # forty bodies begin at once: what follows is not about them
            return all(job["status"] != "running" for job in await jobs.agent.jobs())

        await stage.until(asleep)
        error = await refusal(jobs.agent.call("begin_many", 25, 3600.0), "limit-jobs")
        assert "64" in error.message, repr(error)
        assert len(await jobs.agent.call("listed")) == 40
        await refusal(jobs.begin("nap", "not a number"), "bad-arguments")
        assert len(await jobs.agent.call("begin_many", 24, 3600.0)) == 24


@job_case("34", "in the body only `run` acts: all else is refused by name, with the way out, and the job lives on")
async def body_refuses_unjournaled_reach(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        said = await jobs.value(await jobs.begin("reach"))
        assert said == ["unjournaled"] * 9, said
        assert (await jobs.agent.state())["total"] == 0


@job_case("34", "ticks and calls of a step are applied once, however often the step runs")
async def tool_ticks_apply_once(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        other = stage.key("-other")
        assert await jobs.value(await jobs.begin("tools", jobs.ledger.key, other)) == [21, 7, 7]
        assert await jobs.ledger.lines() == ["tool"] * 3
        assert (await client.agent("ledger", other).state())["lines"] == ["called"]
        assert (await jobs.agent.state())["total"] == 7


@job_case("38", "a step's request keeps its key while it has no answer; a try after an answer has another")
async def idempotency_key_moves_after_an_answer(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        jobs = Jobs(stage, client)
        # Hung up on, then answered 503: the next attempt is another request, which is hung up on first.
        id = await jobs.begin("insist", listener.rough)

        async def enough() -> bool:
            return len(listener.keys) >= 4

        await stage.until(enough)
        first, second = listener.keys[:2], listener.keys[2:4]
        assert None not in listener.keys
        assert first == [first[0]] * 2, f"no answer, and another key: {listener.keys}"
        assert second == [second[0]] * 2 and second[0] != first[0], f"after an answer the same key: {listener.keys}"
        assert all(str(key).startswith(str(first[0]).rpartition("/")[0]) for key in listener.keys), listener.keys
        await jobs.agent.call("stop", id)
        await jobs.ended(id)


@job_case("34", "what blocks runs in threads, and its outcome is kept; where there are none it is refused by name")
async def blocking_function_runs_in_a_thread(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        found = await jobs.value(await jobs.begin("block", 10))
        assert found == ([45, 55] if stage.capabilities.threads else ["no-threads"]), found


@job_case("36", "a busy agent does not stop its job: steps go on, its ticks and its end wait their turn")
async def busy_agent_does_not_stop_journal(stage: Stage) -> None:
    async with stage.client() as client:
        jobs, busy = Jobs(stage, client), Jobs(stage, client)
        id = await jobs.chain("chain", 0)
        await jobs.gate.arrived()
        hold = asyncio.create_task(jobs.agent.call("hold", busy.gate.key))
        await busy.gate.arrived()
        await jobs.gate.open()
        assert await jobs.ledger.until(4) == [f"step {n}" for n in range(4)]
        await asyncio.sleep(0.3)
        assert (await jobs.agent.state())["total"] == 0, "a tick of the job ran beside another"
        await busy.gate.open()
        await hold
        assert (await jobs.value(id))[4] == "1"
