"""Rules 40, 47 and 48: what jobs are asked and told from outside, who may, and jobs that are held; and rounds (32)."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from roost.errors import AgentError
from roost_client import SyncClient

from ..probes.jobs import TAKEN_OVER, job_case
from ..probes.refusal import refusal
from ..probes.told import ANN, Told
from ..stage import Stage
from .moves import exported

YES = {"approved": True}


@job_case("40", "a signal that comes before anybody waits for it is kept; one told twice under its id comes once")
async def signal_before_wait_is_kept(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("hear", 3, jobs.ledger.key)
        assert await jobs.agent.call("tell_it", id, "later", "for nobody") is True
        for word in ("a", "b"):
            for _ in range(2):
                status, told = await jobs.http("POST", "jobs", id, "signals", "word", key=word, value=word)
                assert status == 202, told
        await jobs.ledger.until(2)
        assert await jobs.agent.call("tell_it", id, "word", ["no", "text"]) is True
        assert await jobs.value(id) == ["a", "b", "bad-signal"]
        status, refused = await jobs.http("POST", "jobs", id, "signals", "word", value="late")
        assert (status, refused["code"]) == (409, "job-ended"), refused
        assert await jobs.agent.call("tell_it", id, "word", "late") is False


@job_case("40", "signals that come while the job goes to sleep, or has, wake it: each is heard, in their order")
async def signal_racing_suspend_wakes(stage: Stage) -> None:
    async with stage.client() as client:
        jobs, rng = Told(stage, client), random.Random(7)
        id = await jobs.begin("hear", 12)
        words = [f"word {n}" for n in range(12)]
        for n, word in enumerate(words):
            await asyncio.sleep(rng.random() * 0.15)
            if n % 4 == 3:
                await stage.evict("inquirer", jobs.agent.address.key)
            assert (await jobs.http("POST", "jobs", id, "signals", "word", value=word))[0] == 202
        assert await jobs.value(id) == words


@job_case("37", "a job that waits for an answer is nowhere but in the store, and goes on with it")
async def waiting_job_holds_nothing(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("ask")
        question = await jobs.question(id)
        await jobs.standing(id, "waiting")
        await stage.evict("inquirer", jobs.agent.address.key)
        assert (await jobs.http("POST", "questions", question["id"], value=YES))[0] == 200
        assert await jobs.value(id) == [True, "admin", "operator"]


@job_case("40", "an answer that does not fit closes nothing; of those that do the first counts, however often it comes")
async def first_answer_counts(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("ask_and_act", jobs.ledger.key, jobs.gate.key)
        question = await jobs.question(id)
        assert (question["text"], question["who"]) == ("Act?", None), question
        assert question["schema"]["properties"]["limit"]["maximum"] == 100, question
        for wrong in ({}, 3, {"approved": "perhaps"}, {"approved": True, "limit": 101}):
            status, refused = await jobs.http("POST", "questions", question["id"], value=wrong)
            assert (status, refused["code"]) == (422, "bad-answer"), refused
        answers = [
            jobs.http("POST", "questions", question["id"], key=f"k{n}", value={"approved": True, "limit": n})
            for n in range(6)
        ]
        said = await asyncio.gather(*answers)
        [winner] = [n for n, (status, _) in enumerate(said) if status == 200]
        assert all(status in (200, 409) and (status == 200 or doc["code"] == "question-closed") for status, doc in said)
        await jobs.gate.arrived()
        status, again = await jobs.http(
            "POST", "questions", question["id"], key=f"k{winner}", value={"approved": True, "limit": winner}
        )
        assert (status, again["first"]) == (200, False), again
        assert (await jobs.http("GET", "questions"))[1] == {"questions": []}
        await jobs.gate.open()
        assert await jobs.value(id) == [winner, "admin"]


@job_case("40", "an answer at the time that its question is over: one of both is first, and both sides know which")
async def one_answer_wins_over_expiry(stage: Stage) -> None:
    async with stage.client() as client:

        async def one(late: float) -> str:
            jobs = Told(stage, client)
            id = await jobs.begin("ask", 2.5)
            question = await jobs.question(id)
            await asyncio.sleep(late)
            status, said = await jobs.http("POST", "questions", question["id"], value=YES)
            assert status == 200 or (status, said["code"]) in ((409, "question-closed"), (409, "job-ended")), said
            found = await jobs.value(id)
            expected = [True, "admin", "operator"] if status == 200 else ["expired"]
            assert found == expected, f"the answer got {status}, and the job {found}"
            return str(status)

        await asyncio.gather(*(one(late) for late in (0.0, 1.9, 2.2, 2.4, 2.5, 3.5)))


@job_case(
    "40", "an answer that was heard is heard the same after the host's death; nobody is asked again", together=True
)
async def answer_survives_death(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("ask_and_act", jobs.ledger.key, jobs.gate.key)
        question = await jobs.question(id)
        status, _ = await jobs.http("POST", "questions", question["id"], value={"approved": True, "limit": 9})
        assert status == 200
        await jobs.crashed()
        assert (await jobs.http("GET", "questions"))[1] == {"questions": []}
        assert await jobs.value(id, TAKEN_OVER) == [9, "admin"]
        assert await jobs.ledger.lines() == ["acted", "acted"]


@job_case(
    "47", "strangers see no job, answer and cancel nothing; who started it may, and a question's role asks for that"
)
async def strangers_cannot_answer_cancel_read(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        mine, hers = await jobs.begin_as(ANN, "ask"), await jobs.begin_as(ANN, "ask", None, "teller")
        free, named = await jobs.question(mine), await jobs.question(hers)
        address = f"user:inquirer/{jobs.agent.address.key}"
        for stranger in ("user:bob", "user:admin", address, "user:bob;source=operator"):
            assert (await jobs.http("GET", "jobs", who=stranger))[1] == {"jobs": []}
            assert (await jobs.http("GET", "questions", who=stranger))[1] == {"questions": []}
            for id in (mine, "99.9"):  # there or not, they are told the same
                for method, rest in (("GET", ()), ("POST", ("cancel",)), ("POST", ("signals", "word"))):
                    status, refused = await jobs.http(method, "jobs", id, *rest, who=stranger)
                    assert (status, refused["code"]) == (404, "no-job"), refused
            for question in (free, named):
                status, refused = await jobs.http("POST", "questions", question["id"], who=stranger, value=YES)
                assert (status, refused["code"]) == (404, "no-question"), refused
        for route in ("hold", "resume"):
            assert (await jobs.http("POST", "jobs", mine, route, who=ANN))[0] == 401
        shown = (await jobs.http("GET", "jobs", who=ANN))[1]["jobs"]
        assert [job["id"] for job in shown] == [mine, hers] and shown[0]["by"]["principal"] == "ann", shown
        assert (await jobs.http("POST", "questions", named["id"], who=ANN, value=YES))[0] == 404
        assert (await jobs.http("POST", "questions", named["id"], who="user:tom;roles=teller", value=YES))[0] == 200
        assert await jobs.value(hers) == [True, "tom", "client"]
        assert (await jobs.http("POST", "jobs", mine, "cancel", who=ANN))[0] == 202
        assert (await jobs.ended(mine))["error"] == "cancelled"


@job_case("32", "a round begins anew: its ids are its own, its journal is empty, signals that nobody took are there")
async def again_starts_fresh_ids(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("rounds", 3)
        for word in ("a", "b", "c"):
            assert (await jobs.http("POST", "jobs", id, "signals", "word", value=word))[0] == 202
        assert await jobs.value(id) == [f"{id}/{run} {word}" for run, word in ((1, "a"), (2, "b"), (3, "c"))]
        assert await jobs.total() == 3


@job_case("48", "a held job hears nothing and begins nothing; resumed it goes on with what it was told meanwhile")
async def held_job_does_nothing(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("hear", 1, jobs.ledger.key)
        await jobs.standing(id, "waiting")
        assert await jobs.http("POST", "jobs", id, "hold") == (200, {"id": id, "held": True})
        assert (await jobs.http("POST", "jobs", id, "signals", "word", value="now"))[0] == 202
        await asyncio.sleep(1.0)
        await jobs.standing(id, "held")
        assert await jobs.ledger.lines() == []
        assert await jobs.http("POST", "jobs", id, "resume") == (200, {"id": id, "held": False})
        assert await jobs.value(id) == ["now"]
        assert (await jobs.http("POST", "jobs", id, "hold"))[1]["code"] == "job-ended"


@job_case(
    "41", "a job that does not fit its code is restarted by an operator: its arguments and what waits for it stay"
)
async def restarted_job_begins_anew(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        id = await jobs.begin("fickle", jobs.ledger.key, jobs.gate.key)
        await jobs.ledger.until(1)
        await stage.evict("inquirer", jobs.agent.address.key)
        assert (await jobs.http("POST", "jobs", id, "signals", "word", value="kept"))[0] == 202
        status, error = await jobs.http("POST", "jobs", id, "restart", who=ANN)
        assert status in (401, 403), error

        async def probe() -> dict[str, Any] | None:
            status, told = await jobs.http("POST", "jobs", id, "restart")
            assert status == 200 or told["code"] == "job-running", told
            return told if status == 200 else None

        assert await stage.until(probe) == {"id": id, "run": 2}
        assert await jobs.value(id) == "anew kept"
        assert await jobs.ledger.lines() == ["acted", "acted"]
        assert (await jobs.http("POST", "jobs", id, "restart"))[1]["code"] == "job-ended"
        assert (await jobs.http("POST", "jobs", "9.9", "restart"))[1]["code"] == "no-job"


@job_case(
    "48", "an export holds the jobs, is refused while a step runs, and carries those that wait: they go on where it is "
    "imported; what was told since is never lost",
)  # fmt: skip
async def export_holds_and_carries_waiting_jobs(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        over = await jobs.begin("ask")
        assert (await jobs.http("POST", "questions", (await jobs.question(over))["id"], value=YES))[0] == 200
        assert await jobs.value(over) == [True, "admin", "operator"]
        hearing, asking, busy = await jobs.begin("hear", 2), await jobs.begin("ask"), await jobs.begin(
            "ask_and_act", jobs.ledger.key, jobs.gate.key
        )  # fmt: skip
        question = await jobs.question(asking)
        assert (await jobs.http("POST", "questions", (await jobs.question(busy))["id"], value=YES))[0] == 200
        await jobs.gate.arrived(1)
        error = await refusal(jobs.agent.export(), "jobs-under-way")
        assert error.status == 409, repr(error)
        await jobs.gate.open()
        document = await exported(stage, jobs.agent)
        assert (await jobs.http("POST", "jobs", hearing, "signals", "word", value="a"))[0] == 202
        error = await refusal(jobs.agent.destroy(document), "changed")
        assert error.status == 409, repr(error)
        await refusal(jobs.agent.destroy({**document, "jobs": []}), "changed")
        document = await exported(stage, jobs.agent)
        await jobs.agent.destroy(document)
        assert (await jobs.http("GET", "questions"))[0] == 404
        await jobs.agent.restore(document)
        assert await jobs.value(busy) == [0, "admin"]
        assert (await jobs.http("POST", "questions", question["id"], value=YES))[0] == 200
        assert await jobs.value(asking) == [True, "admin", "operator"]
        assert (await jobs.http("POST", "jobs", hearing, "signals", "word", value="b"))[0] == 202
        assert await jobs.value(hearing) == ["a", "b"]
        assert await jobs.ledger.lines() == ["acted"], "a step ran again"
        assert (await jobs.http("GET", "jobs", over))[1]["value"] == [True, "admin", "operator"]


@job_case("http", "clients start a job, await what it returns or ends with, read its steps, and answer it")
async def clients_start_answer_and_await_jobs(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Told(stage, client)
        agent = jobs.agent
        asked = await agent.start("ask", 60.0, key="k")
        assert (await agent.start("ask", 60.0, key="k")).id == asked.id
        question = await jobs.question(asked.id)
        waiting = asyncio.create_task(asked.result(timeout=60))
        await agent.answer(question["id"], YES)
        assert await waiting == [True, "admin", "operator"]
        heard = await agent.start("hear", 2, jobs.ledger.key)
        await heard.signal("word", "a", idempotency_key="once")
        await heard.signal("word", "a", idempotency_key="once")
        await jobs.ledger.until(1)
        steps = (await heard.status(steps=True))["steps"]
        assert [step["kind"] for step in steps if step["kind"] in ("signal", "value")] == ["signal", "value"], steps
        await heard.cancel()
        error = await refusal(heard.result(timeout=60), "cancelled")
        assert isinstance(error, AgentError)
        ends = await agent.jobs()
        assert [(job["id"], job["status"]) for job in ends] == [(heard.id, "ended"), (asked.id, "ended")], ends
        await refusal(agent.start("nothing"))

        def blocking() -> None:
            with SyncClient(stage.url, token=stage.harness.admin_token, base_path=stage.harness.base_path) as sync:
                handle = sync.agent("inquirer", agent.address.key)
                job = handle.start("hear", 1)
                job.hold()
                job.signal("word", "b")
                assert job.status()["status"] in ("held", "running")
                job.resume()
                assert job.result(60) == ["b"]
                assert handle.job(job.id).result() == ["b"]
                assert handle.questions() == []

        await asyncio.to_thread(blocking)
