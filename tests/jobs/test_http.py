"""Jobs over HTTP: what each route does, who may, and what strangers are told."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from roost import Address, App, Caller, Credentials
from roost.author.may import JobOperation, starter_may
from roost.contract.job import LiveJob
from roost.testing import World, world
from roost_http import Surface

from .asking import OTHERS, Asking, Rounds, Waiting

ADMIN = "admin-token-of-these-tests"


async def auth(credentials: Credentials) -> Caller | None:
    name, _, role = (credentials.bearer or "").partition("/")
    return Caller(name, roles=(role,) if role else ())


@dataclass(slots=True)
class Site:
    world: World
    http: httpx.AsyncClient

    async def ask(self, method: str, rest: str, who: str = ADMIN, **options: Any) -> tuple[int, Any]:
        """`rest`: what follows the agents' path."""
        headers = {"authorization": f"Bearer {who}", **options.pop("headers", {})}
        answer = await self.http.request(method, f"/v1/agents/{rest}", headers=headers, **options)
        assert answer.headers["content-type"] in ("application/json", "application/problem+json"), answer.text
        return answer.status_code, answer.json()


@asynccontextmanager
async def site(**options: Any) -> AsyncGenerator[Site, None]:
    async with world(App(OTHERS, auth=auth, **options), seed=1) as w:
        surface = Surface(w.app, lambda: w.backend.runtime, admin_token=ADMIN)
        transport = httpx.ASGITransport(surface)
        async with httpx.AsyncClient(transport=transport, base_url="http://roost.test") as http:
            yield Site(w, http)


async def began(s: Site, kind: str, who: str, *args: Any) -> str:
    status, answer = await s.ask("POST", f"{kind}/a/call/begin", who, json={"args": args})
    assert status == 200, answer
    await s.world.settle()
    return str(answer["result"])


async def test_a_job_is_started_read_answered_and_ends() -> None:
    async with site() as s:
        body = {"args": ["both"], "key": "mine"}
        status, started = await s.ask("POST", "asking/a/start/work", json=body, headers={"idempotency-key": "1"})
        assert status == 202
        assert await s.ask("POST", "asking/a/start/work", json=body, headers={"idempotency-key": "1"}) == (202, started)
        await s.world.settle()
        status, found = await s.ask("GET", "asking/a/jobs")
        (job,) = found["jobs"]
        assert (job["id"], job["name"], job["key"], job["status"]) == (started["id"], "work", "mine", "waiting")
        assert job["by"] == {"source": "operator", "principal": "admin"}
        first, second = (await s.ask("GET", "asking/a/questions"))[1]["questions"]
        assert (first["text"], first["who"], second["who"]) == ("first?", None, "teller")
        assert first["schema"]["properties"]["limit"]["maximum"] == 100
        wrong = await s.ask(
            "POST", f"asking/a/questions/{first['id']}", json={"value": {"approved": True, "limit": 900}}
        )
        assert (wrong[0], wrong[1]["code"]) == (422, "bad-answer")
        status, said = await s.ask("POST", f"asking/a/questions/{first['id']}", json={"value": {"approved": True}})
        assert (status, said["by"]) == (200, "admin")
        again = await s.ask("POST", f"asking/a/questions/{first['id']}", json={"value": {"approved": False}})
        assert (again[0], again[1]["code"], again[1]["data"]["by"]) == (409, "question-closed", "admin")
        await s.ask("POST", f"asking/a/questions/{second['id']}", json={"value": 3})
        await s.world.settle()
        status, found = await s.ask("GET", f"asking/a/jobs/{started['id']}?wait=5")
        assert (status, found["status"], found["value"]) == (200, "ended", "True 3 admin")
        assert (await s.ask("POST", f"asking/a/jobs/{started['id']}/cancel"))[1]["code"] == "job-ended"


async def test_a_job_is_told_held_and_cancelled() -> None:
    async with site() as s:
        id = await began(s, "rounds", "ann", 2)
        status, told = await s.ask("POST", f"rounds/a/jobs/{id}/signals/word", "ann", json={"value": "x"})
        assert (status, told["by"]) == (202, "ann")
        await s.world.settle()
        status, found = await s.ask("GET", f"rounds/a/jobs/{id}?steps=true", "ann")
        assert (found["run"], [x["name"] for x in found["steps"] if x["kind"] == "value"]) == (2, ["Rounds.turn"])
        assert (await s.ask("POST", f"rounds/a/jobs/{id}/hold", "ann"))[0] == 401
        assert (await s.ask("POST", f"rounds/a/jobs/{id}/hold"))[0] == 200
        await s.ask("POST", f"rounds/a/jobs/{id}/signals/word", "ann", json={"value": "y"})
        await s.world.advance(minutes=1)
        assert (await s.ask("GET", f"rounds/a/jobs/{id}", "ann"))[1]["status"] == "held"
        await s.ask("POST", f"rounds/a/jobs/{id}/resume")
        await s.world.settle()
        assert (await s.ask("GET", f"rounds/a/jobs/{id}", "ann"))[1]["value"] == ["x", "y"]
        id = await began(s, "rounds", "ann", 2)
        assert (await s.ask("POST", f"rounds/a/jobs/{id}/cancel", "ann"))[0] == 202
        await s.world.settle()
        ended = (await s.ask("GET", f"rounds/a/jobs/{id}", "ann"))[1]
        assert (ended["status"], ended["error"]["code"]) == ("ended", "cancelled")


async def test_strangers_see_and_do_nothing() -> None:
    async with site() as s:
        id = await began(s, "asking", "ann", "both")
        questions = (await s.ask("GET", "asking/a/questions"))[1]["questions"]
        for stranger in ("bob", "", "asking%2Fa", "admin"):
            assert (await s.ask("GET", "asking/a/jobs", stranger))[1] == {"jobs": []}
            assert (await s.ask("GET", "asking/a/questions", stranger))[1] == {"questions": []}
            for method, rest in (("GET", ""), ("POST", "/cancel"), ("POST", "/signals/word")):
                seen = await s.ask(method, f"asking/a/jobs/{id}{rest}", stranger)
                none = await s.ask(method, f"asking/a/jobs/9.9{rest}", stranger)
                assert (seen[0], none[0], seen[1]["code"], none[1]["code"]) == (404, 404, "no-job", "no-job")
            for question in questions:
                status, refused = await s.ask(
                    "POST", f"asking/a/questions/{question['id']}", stranger, json={"value": 1}
                )
                assert (status, refused["code"]) == (404, "no-question")
            for route in (f"jobs/{id}/hold", f"jobs/{id}/resume"):
                assert (await s.ask("POST", f"asking/a/{route}", stranger))[0] == 401
            assert (await s.ask("POST", "asking/a/start/work", stranger, json={"args": ["ask"]}))[0] == 403
        assert [x["who"] for x in (await s.ask("GET", "asking/a/questions", "ann"))[1]["questions"]] == [None]
        assert [x["who"] for x in (await s.ask("GET", "asking/a/questions", "bob/teller"))[1]["questions"]] == [
            "teller"
        ]
        await s.world.advance(minutes=1)
        assert (await s.world.job(Asking, "a", id)).status == "waiting"


async def test_the_apps_hook_decides_and_its_failure_is_a_refusal() -> None:
    asked: list[str] = []

    async def may(caller: Caller | None, operation: JobOperation, address: Address, job: LiveJob) -> bool:
        asked.append(operation)
        if caller is not None and caller.principal == "broken":
            raise ValueError("the hook fails")
        support = caller is not None and "support" in caller.roles
        return await starter_may(caller, operation, address, job) or (support and operation == "jobs.read")

    async with site(may=may) as s:
        id = await began(s, "waiting", "ann")
        assert (await s.ask("GET", f"waiting/a/jobs/{id}", "eve/support"))[0] == 200
        status, refused = await s.ask("POST", f"waiting/a/jobs/{id}/cancel", "eve/support")
        assert (status, refused["code"]) == (404, "no-job")
        assert (await s.ask("GET", f"waiting/a/jobs/{id}", "broken"))[0] == 404
        assert (await s.ask("GET", f"waiting/a/jobs/{id}", "ann"))[0] == 200
        assert (await s.ask("GET", f"waiting/a/jobs/{id}"))[0] == 200
        assert set(asked) == {"jobs.read", "jobs.cancel"}
    with pytest.raises(TypeError, match="async def"):
        App(OTHERS, may=lambda *access: True)  # type: ignore[arg-type]


async def test_ids_of_two_callers_are_two() -> None:
    async def may(caller: Caller | None, operation: JobOperation, address: Address, job: LiveJob) -> bool:
        return True

    async with site(may=may) as s:
        id = await began(s, "waiting", "ann")
        for who in ("ann", "bob", "ann"):
            rest = f"waiting/a/jobs/{id}/signals/word"
            await s.ask("POST", rest, who, json={"value": who}, headers={"idempotency-key": "same"})
        await s.world.settle()
        assert (await s.ask("GET", f"waiting/a/jobs/{id}"))[1]["value"] == ["ann", "bob"]


async def test_what_is_wrong_is_said() -> None:
    async with site() as s:
        id = await began(s, "waiting", "ann")
        for method, rest, status, code in (
            ("GET", "waiting/a/jobs/nonsense", 404, "no-job"),
            ("GET", f"waiting/a/jobs/{id}?wait=21", 422, "bad-parameter"),
            ("GET", "waiting/a/jobs?limit=1001", 422, "bad-parameter"),
            ("POST", "waiting/a/start/nothing", 404, "unknown-job"),
            ("POST", "waiting/a/questions/x-y", 422, "bad-body"),
            ("POST", f"waiting/a/jobs/{id}/signals/{'x' * 201}", 422, "bad-signal"),
            ("POST", f"waiting/a/jobs/{id}/nothing", 404, "no-route"),
            ("POST", f"waiting/a/jobs/{id}/signals/a/b", 404, "no-route"),
            ("DELETE", f"waiting/a/jobs/{id}", 405, "method-not-allowed"),
            ("GET", "nobody/a/jobs", 404, "unknown-kind"),
        ):
            found = await s.ask(method, rest)
            assert (found[0], found[1]["code"]) == (status, code), (rest, found)
        status, refused = await s.ask("POST", "waiting/a/start/work", json={"args": [{"no": "text"}]})
        assert (status, refused["code"]) == (422, "bad-arguments")
        status, refused = await s.ask("POST", "waiting/a/start/work", json={"key": 3})
        assert (status, refused["code"]) == (422, "bad-body")
        assert (await s.world.job(Waiting, "a", id)).status == "waiting"


async def test_an_agent_nobody_made_is_made_by_a_start_and_by_nothing_else() -> None:
    async with site() as s:
        for method, rest in (("GET", "jobs"), ("GET", "questions"), ("POST", "jobs/1.1/cancel")):
            await s.ask(method, f"rounds/new/{rest}")
        assert not (await s.world.backend.runtime.snapshot(Address("rounds", "new"))).exists
        status, started = await s.ask("POST", "rounds/new/start/work", json={"args": [1]})
        assert status == 202
        await s.world.settle()
        assert (await s.world.job(Rounds, "new", started["id"])).status == "waiting"


async def test_the_document_says_what_jobs_take_and_give() -> None:
    async with site() as s:
        doc = (await s.http.get("/openapi.json")).json()
        start = doc["paths"]["/v1/agents/rounds/{key}/start/work"]["post"]
        by_name, by_position = start["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
        assert by_name["properties"]["kwargs"]["properties"]["rounds"]["type"] == "integer"
        assert by_position["properties"]["args"]["minItems"] == 1
        answer = start["responses"]["202"]["content"]["application/json"]["schema"]
        assert answer["x-roost-result"] == {"items": {"type": "string"}, "type": "array"}
        ids = [op["operationId"] for path in doc["paths"].values() for op in path.values()]
        assert len(ids) == len(set(ids))
