"""The routes of callers over HTTP: call, tell, status, state, list, dead letters; who asks; what failed."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from ..case import case
from ..probes.answer import absent, problem_of, version
from ..probes.barrier import barrier
from ..probes.refusal import refusal
from ..stage import Stage


@case("http", "call answers the result, arguments by place and by name, converted as the action says")
async def call_over_http(stage: Stage) -> None:
    async with stage.http() as http:
        path = stage.path("clerk", stage.key(), "call")
        answer = await http.post(f"{path}/add", json={"args": [2], "kwargs": {"b": 3}})
        assert (answer.status_code, answer.json()) == (200, {"result": 5}), answer.text
        assert answer.headers["content-type"].partition(";")[0] == "application/json"
        assert "no-store" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        answer = await http.post(f"{path}/add", json={"kwargs": {"a": 2}})
        assert answer.json() == {"result": 3}
        order = {"item": "ink", "amount": "3", "due": "2030-01-02"}
        answer = await http.post(f"{path}/order", json={"args": [order], "kwargs": {"urgency": "high"}})
        assert answer.json() == {"result": {"item": "ink", "amount": 3, "due": "2030-01-02", "urgency": "high"}}
        assert (await http.post(f"{path}/runs")).json() == {"result": 3}, "a call without a body has no arguments"
        values: list[Any] = [None, True, 0.1, 'é\u2028\x00"', [[]], {"": {}}, 2**64, -0.0]
        for value in values:
            answer = await http.post(f"{path}/echo", json={"args": [value]})
            assert answer.json() == {"result": value}, value


@case("http", "a JSON body without a content type, or with the one that curl gives, is read as JSON")
async def curl_as_it_comes(stage: Stage) -> None:
    async with stage.http() as http:
        key = stage.key()
        for kind in ({}, {"content-type": "application/x-www-form-urlencoded"}):
            path = stage.path("clerk", key, "call", "add")
            answer = await http.post(path, content=b'{"args":[2],"kwargs":{"b":3}}', headers=kind)
            assert (answer.status_code, answer.json()) == (200, {"result": 5}), answer.text
            answer = await http.post(stage.path("clerk", key, "tell", "add"), content=b'{"args":[2]}', headers=kind)
            assert answer.status_code == 202, answer.text


@case("http", "tell answers 202 with an id once the letter is durable; it runs, and a repeated key runs once")
async def tell_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http() as http:
        path = stage.path("clerk", clerk.address.key, "tell", "add")
        answer = await http.post(path, json={"args": [1]})
        assert answer.status_code == 202 and [*answer.json()] == ["id"], answer.text
        body = {"kwargs": {"a": 1}, "lane": "urgent", "delay": 0}
        for _ in range(3):
            answer = await http.post(path, json=body, headers={"idempotency-key": "k-1"})
            assert (answer.status_code, answer.json()) == (202, {"id": "k-1"}), answer.text

        async def twice() -> bool:
            return bool(await clerk.call("runs") >= 2)

        await stage.until(twice)
        answer = await http.post(path, json=body, headers={"idempotency-key": "k-1"})
        assert answer.json() == {"id": "k-1"}
        await clerk.call("add", 1)  # behind anything that waits
        assert await clerk.call("runs") == 3, "a repeated key ran again"
        again = await http.post(path, json={"args": [2]}, headers={"idempotency-key": "k-1"})
        problem_of(again, 422, "key-reused")


@case("http", "status says what an agent is, without waking or making it")
async def status_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http() as http:
        key = clerk.address.key
        path = stage.path("clerk", key)
        for _ in range(2):
            problem_of(await http.get(path), 404, "no-agent")
        await clerk.call("add", 1)
        answer = await http.get(path)
        doc: dict[str, Any] = answer.json()
        assert (doc["kind"], doc["key"], doc["version"]) == ("clerk", key, 1), doc
        assert doc["next_wake"] is None and doc["updated"] > 1_000_000_000 and doc["dead_letters"] == 0, doc
        assert doc["stored_bytes"] > 0 and doc["connections"] == 0 and doc["events"] == 0, doc
        await stage.evict("clerk", key)
        assert (await clerk.status())["status"] == "asleep", "it is not asleep after a hibernation"
        await clerk.status()
        assert (await clerk.status())["status"] == "asleep", "status woke it"
        if not stage.restless:
            await clerk.call("add", 1)  # a tick: what only reads may take no agent where hosts share them
            said = await clerk.status()
            if stage.capabilities.resident:
                assert said["status"] == "awake" and said["metrics"] is not None, said
            else:
                assert said["status"] == "asleep", "it is awake and nothing runs"


@case("http", "state answers the committed state with its version, and an agent is not made by looking")
async def state_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http() as http:
        path = stage.path("clerk", clerk.address.key, "state")
        problem_of(await http.get(path), 404, "no-agent")
        await absent(stage, "clerk", clerk.address.key)
        await clerk.call("add", 1)
        await clerk.call("add", 1)
        answer = await http.get(path)
        assert answer.json() == {"state": {"runs": 2}, "version": 2}, answer.text
        await refusal(clerk.call("refuse"), "seat-taken")
        assert (await http.get(path)).json() == {"state": {"runs": 2}, "version": 2}
        head = await http.head(path)
        assert head.status_code == 200 and head.content == b"", "HEAD is GET without its body"
        assert int(head.headers["content-length"]) == len(answer.content)


@case("http", "any text is a key: what needs encoding in a path names one agent over every surface")
async def keys_of_every_kind(stage: Stage) -> None:
    base = stage.key()
    for suffix in ("/a/b", " %2F", "é漢🙂", "a?b#c&d=e", "..", "\\\"'<>", "+", "a\tb\nc", "%", "call", ";x=y"):
        async with stage.agent("clerk", f"{base}{suffix}") as clerk:
            assert await clerk.call("add", 1) == 2
            assert (await clerk.status())["key"] == f"{base}{suffix}"
            assert await clerk.state() == {"runs": 1}, f"{suffix!r} is somebody else's"
            async with clerk.connect() as connection:
                assert connection.identity.name == f"{base}{suffix}"
                assert await connection.call("runs") == 1, f"{suffix!r} is another agent over WebSockets"


@case("31", "the list shows agents by kind and prefix, in the order of their keys, in pages that lose nothing")
async def list_over_http(stage: Stage) -> None:
    prefix = stage.key("-")
    names = [f"{prefix}{n:02}é" for n in range(7)]
    for name in names:
        async with stage.agent("clerk", name) as clerk:
            await clerk.call("add", 1)
    async with stage.agent("counter", f"{prefix}counter") as counter:
        await counter.call("increment")
    async with stage.client() as client:

        async def all_there() -> bool:
            return len([row async for row in client.agents(prefix=prefix)]) == 8

        await stage.until(all_there, within=60)
        for limit in (1, 3, 7, 100):
            rows = [row async for row in client.agents(kind="clerk", prefix=prefix, limit=limit)]
            assert [row["key"] for row in rows] == names, f"in pages of {limit}: {[row['key'] for row in rows]}"
            assert all(row["kind"] == "clerk" and row["version"] == 1 for row in rows), rows
        rows = [row async for row in client.agents(prefix=f"{prefix}03")]
        assert [row["key"] for row in rows] == [names[3]]
        await client.agent("clerk", names[3]).destroy()

        async def gone() -> bool:
            return names[3] not in [row["key"] async for row in client.agents(kind="clerk", prefix=prefix)]

        await stage.until(gone, within=60)


@case("http", "wrong parameters of the list are refused by name")
async def bad_list_parameters(stage: Stage) -> None:
    async with stage.http(admin=True) as http:
        wrong = (
            ("limit", "0", 422, "bad-parameter"), ("limit", "1001", 422, "bad-parameter"),
            ("limit", "x", 422, "bad-parameter"), ("limit", "-1", 422, "bad-parameter"),
            ("kind", "no-such", 422, "bad-parameter"),
            ("prefix", "a\x00", 422, "bad-parameter"), ("cursor", "nonsense!", 400, "bad-cursor"),
            ("cursor", "////", 400, "bad-cursor"),
        )  # fmt: skip
        for name, value, status, code in wrong:
            problem = problem_of(await http.get("/v1/agents", params={name: value}), status, code)
            assert name in problem["detail"], problem
        problem_of(await http.get("/v1/agents?limit=1&limit=2"), 422, "bad-parameter")
        problem_of(await http.get("/v1/agents?prefix=%ff"), 400, "bad-query")


@case("http", "the auth hook says who asks; whom it refuses gets 401 and does nothing")
async def auth_over_http(stage: Stage) -> None:
    async with stage.agent("clerk", token=None) as nobody:
        key = nobody.address.key
        async with stage.http() as http:
            bad = {"authorization": "Bearer bad"}
            for method, rest in (("POST", ["call", "who"]), ("POST", ["tell", "who"]), ("GET", []), ("GET", ["state"]),
                                 ("GET", ["events"])):  # fmt: skip
                answer = await http.request(method, stage.path("clerk", key, *rest), headers=bad)
                problem_of(answer, 401, "bad-token")
                assert answer.headers["www-authenticate"].startswith("Bearer"), answer.headers
            problem_of(await http.post(stage.path("clerk", key, "call", "who") + "?token=bad"), 401, "bad-token")
            answer = await http.get(f"/agents/page/{key}", headers=bad)
            problem_of(answer, 401, "bad-token")
        await absent(stage, "clerk", key)
        await absent(stage, "page", key)
        assert await nobody.call("who") is None
        async with stage.agent("clerk", key, token="user:ann") as ann:
            assert await ann.call("who") == {"principal": "ann", "name": "ann", "websocket": False}
        async with stage.http() as http:
            answer = await http.post(stage.path("clerk", key, "call", "who") + "?token=user:bob")
            assert answer.json()["result"]["principal"] == "bob"
            answer = await http.get(f"/agents/page/{key}?token=user:bob")
            assert answer.json()["caller"] == "bob"


@case("2", "an author's Rejected passes through: status, code, detail, data; nothing of its tick is kept")
async def rejected_over_http(stage: Stage) -> None:
    async with stage.http() as http, stage.agent("clerk") as clerk:
        path = stage.path("clerk", clerk.address.key, "call", "refuse")
        for status in (409, 400, 404, 410, 402):
            problem = problem_of(await http.post(path, json={"args": [status]}), status, "seat-taken")
            assert problem["detail"] == "that seat is taken" and problem["data"] == {"seat": "12A"}, problem
        await absent(stage, "clerk", clerk.address.key)
        error = await refusal(clerk.call("refuse"), "seat-taken")
        assert (error.status, error.data, error.message) == (409, {"seat": "12A"}, "that seat is taken")


@case("2", "an exception of the agent's is hidden: 500, an id for the log, no word of it")
async def agent_error_over_http(stage: Stage) -> None:
    async with stage.http() as http:
        key = stage.key()
        ids: set[str] = set()
        for _ in range(2):
            answer = await http.post(stage.path("clerk", key, "call", "burst"))
            problem = problem_of(answer, 500, "agent-error")
            assert problem["id"] and problem["id"] in problem["detail"], problem
            assert "swordfish" not in answer.text and "ValueError" not in answer.text and ".py" not in answer.text
            ids.add(problem["id"])
        assert len(ids) == 2, "two failures, one id"
        await absent(stage, "clerk", key)


@case("2", "a passing failure is 503 with Retry-After; the same key may try again and then runs")
async def transient_over_http(stage: Stage) -> None:
    async with stage.http() as http, barrier(stage) as gate:
        path = stage.path("clerk", stage.key(), "call")
        for _ in range(2):
            answer = await http.post(f"{path}/later", json={"args": [gate.key]}, headers={"idempotency-key": "k"})
            problem = problem_of(answer, 503, "transient")
            assert answer.headers["retry-after"] == "7" and problem["retry_after"] == 7, (answer.headers, problem)
        await gate.open()
        answer = await http.post(f"{path}/later", json={"args": [gate.key]}, headers={"idempotency-key": "k"})
        assert answer.json() == {"result": 1}, answer.text
        assert from_json((await http.post(f"{path}/runs")).content) == {"result": 1}


@case("7", "a result of more than 120 KiB is an error by name, and its tick is undone")
async def large_result_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http() as http:
        path = stage.path("clerk", clerk.address.key, "call", "weigh")
        problem_of(await http.post(path, json={"args": [120 * 1024 - 1]}), 422, "limit-result")
        await absent(stage, "clerk", clerk.address.key)
        answer = await http.post(path, json={"args": [120 * 1024 - 2]})
        assert answer.status_code == 200 and len(answer.json()["result"]) == 120 * 1024 - 2
        assert await version(stage, "clerk", clerk.address.key) == 1
