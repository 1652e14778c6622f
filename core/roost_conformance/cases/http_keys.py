"""Idempotency-Key over HTTP (rule 2)."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.answer import problem_of, version
from ..probes.barrier import barrier
from ..stage import Stage


@case("2", "a repeated Idempotency-Key answers the stored result; a call without one runs each time")
async def http_key_answers_the_stored_result(stage: Stage) -> None:
    async with stage.http() as http:
        key = stage.key()
        path = stage.path("clerk", key, "call", "add")
        for _ in range(3):
            answer = await http.post(path, json={"args": [1, 2]}, headers={"idempotency-key": "a b/é".encode().hex()})
            assert answer.json() == {"result": 3}
        assert await version(stage, "clerk", key) == 1, "a repeated key wrote"
        await stage.evict("clerk", key)
        answer = await http.post(
            path, content=b'{ "kwargs": {}, "args": [1,2] }',
            headers={"content-type": "application/json", "idempotency-key": "a b/é".encode().hex()},
        )  # fmt: skip
        assert answer.json() == {"result": 3}, "the same arguments, written otherwise, are the same"
        for n in (1, 2):
            assert (await http.post(path, json={"args": [1, 2]})).json() == {"result": 3}
            assert await version(stage, "clerk", key) == 1 + n, "a call without a key must run"


@case("2", "a key with another action or other arguments is 422, whoever was first, and runs nothing")
async def http_key_of_another_call(stage: Stage) -> None:
    async with stage.http() as http:
        key = stage.key()
        headers = {"idempotency-key": "k"}
        assert (
            await http.post(stage.path("clerk", key, "call", "add"), json={"args": [1]}, headers=headers)
        ).is_success
        for action, args in (("add", [2]), ("add", [1, 1]), ("echo", [1]), ("add", [1.0])):
            answer = await http.post(stage.path("clerk", key, "call", action), json={"args": args}, headers=headers)
            problem = problem_of(answer, 422, "key-reused")
            assert "k" in problem["detail"], problem
        assert (await http.post(stage.path("clerk", key, "call", "runs"))).json() == {"result": 1}
        other = stage.key()
        answer = await http.post(stage.path("clerk", other, "call", "add"), json={"args": [5]}, headers=headers)
        assert answer.json() == {"result": 6}, "another agent's keys are its own"


@case("2", "keys belong to who sends them: the same key of another caller is another run")
async def http_keys_belong_to_callers(stage: Stage) -> None:
    async with stage.http() as http:
        path = stage.path("clerk", stage.key(), "call", "who")
        seen: list[object] = []
        for token in ("user:ann", "user:bob", None, "user:ann", "user:bob", None):
            headers = {"idempotency-key": "k", **({"authorization": f"Bearer {token}"} if token else {})}
            result = (await http.post(path, headers=headers)).json()["result"]
            seen.append(result and result["principal"])
        assert seen == ["ann", "bob", None, "ann", "bob", None], seen
        runs = await http.post(path.removesuffix("who") + "runs")
        assert runs.json() == {"result": 3}, "one run each"


@case("2", "the same key while the first still runs waits for it: one run, one result for all")
async def http_key_joins_the_running_call(stage: Stage) -> None:
    async with stage.http() as http, barrier(stage) as gate:
        path = stage.path("clerk", stage.key(), "call", "slow")
        headers = {"idempotency-key": "k"}
        calls = [asyncio.ensure_future(http.post(path, json={"args": [gate.key]}, headers=headers)) for _ in range(5)]
        await gate.arrived()
        problem_of(await http.post(path, json={"args": ["other"]}, headers=headers), 422, "key-reused")
        assert not any(call.done() for call in calls), "it answered before the first had ended"
        await gate.open()
        assert [(await call).json() for call in calls] == [{"result": 1}] * 5
        assert (await http.post(path, json={"args": [gate.key]}, headers=headers)).json() == {"result": 1}


@case("2", "a key keeps the refusals that count as an outcome, byte for byte, and they run once")
async def http_key_keeps_refusals(stage: Stage) -> None:
    async with stage.http() as http:
        key = stage.key()
        for action, status, code in (("refuse", 409, "seat-taken"), ("burst", 500, "agent-error")):
            path = stage.path("clerk", key, "call", action)
            answers = [await http.post(path, headers={"idempotency-key": action}) for _ in range(2)]
            for answer in answers:
                problem_of(answer, status, code)
            assert answers[0].json() == answers[1].json(), "the stored refusal is another one"
        answers = [
            await http.post(
                stage.path("clerk", key, "call", "weigh"), json={"args": [200_000]}, headers={"idempotency-key": "w"}
            )
            for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json() and answers[0].json()["code"] == "limit-result"
        bad = await http.post(
            stage.path("clerk", key, "call", "add"), json={"args": ["x"]}, headers={"idempotency-key": "b"}
        )
        problem_of(bad, 422, "bad-arguments")
        good = await http.post(
            stage.path("clerk", key, "call", "add"), json={"args": [1]}, headers={"idempotency-key": "b"}
        )
        assert good.json() == {"result": 2}, "what was never run has used up its key"
