"""Tell, list, status, state and dead letters."""

from __future__ import annotations

from typing import Any

import pytest

from roost.contract.address import Address
from roost.contract.commit import Commit

from .agents import Counter
from .rig import ADMIN, refused, rig

pytestmark = pytest.mark.anyio
TELL = "/v1/agents/counter/a/tell"


async def test_a_tell_is_durable_and_runs() -> None:
    async with rig() as r:
        answer = await r.http.post(f"{TELL}/increment", json={"kwargs": {"by": 3}, "lane": "urgent"})
        assert answer.status_code == 202
        assert len(answer.json()["id"]) == 32
        await r.world.settle()
        assert await r.call("get") == 3
        for _ in range(2):
            answer = await r.http.post(f"{TELL}/increment", headers={"idempotency-key": "k"})
            assert answer.json() == {"id": "k"}
            await r.world.settle()
        assert await r.call("get") == 4
        answer = await r.http.post(f"{TELL}/increment", headers={"idempotency-key": "k"}, json={"args": [9]})
        refused(answer, 422, "key-reused")


async def test_a_delay_is_kept() -> None:
    async with rig() as r:
        await r.http.post(f"{TELL}/increment", json={"delay": 60.5})
        await r.world.advance(seconds=60)
        assert (await r.http.get("/v1/agents")).json()["agents"] == []
        await r.world.advance(seconds=1)
        assert await r.call("get") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"lane": "fast"}, {"lane": None}, {"lane": 1}, {"lane": ["urgent"]}, {"delay": -1}, {"delay": "1"},
        {"delay": None}, {"delay": True}, {"delay": 10 * 365 * 86400 + 1}, {"delay": 10**400}, {"delays": 1},
        {"action": "x"}, {"args": "x"}, {"kwargs": 1},
    ],
)  # fmt: skip
async def test_a_bad_tell_changes_nothing(body: dict[str, Any]) -> None:
    async with rig() as r:
        refused(await r.http.post(f"{TELL}/increment", json=body), 422, "bad-body", next(iter(body)))
        assert await r.frozen() == []


async def test_refused_tells() -> None:
    async with rig() as r:
        refused(await r.http.post(f"{TELL}/missing", content=b"{"), 404, "unknown-action")
        refused(await r.http.post(f"{TELL}/on_request"), 404, "not-an-action")
        refused(await r.http.post(f"{TELL}/increment", headers={"idempotency-key": ""}), 400, "bad-idempotency-key")
        answer = await r.http.post(f"{TELL}/increment", content=b"{}", headers={"content-type": "text/plain"})
        refused(answer, 415, "bad-content-type", "text/plain")
        assert await r.frozen() == []


async def test_the_list_has_pages() -> None:
    async with rig() as r:
        for key in ("a", "b/1", "b/2", "ü"):
            await r.call("increment", key=key)
        await r.call("rename", "n", kind="named", key="b/3")

        async def keys(**query: Any) -> list[str]:
            found: list[str] = []
            while True:
                page = (await r.http.get("/v1/agents", params=query)).json()
                assert len(page["agents"]) <= int(query.get("limit", 100))
                found += [f"{row['kind']}/{row['key']}" for row in page["agents"]]
                if page["cursor"] is None:
                    return found
                query["cursor"] = page["cursor"]

        every = ["counter/a", "counter/b/1", "counter/b/2", "counter/ü", "named/b/3"]
        for limit in (1, 2, 3, 1000):
            assert await keys(limit=limit) == every
        assert await keys() == every
        assert await keys(prefix="b/", limit=1) == ["counter/b/1", "counter/b/2", "named/b/3"]
        assert await keys(kind="counter", prefix="ü") == ["counter/ü"]
        assert await keys(kind="quiet") == []
        row = (await r.http.get("/v1/agents?kind=named")).json()["agents"][0]
        assert row == {"kind": "named", "key": "b/3", "version": 1, "updated": r.world.now, "next_wake": None}


@pytest.mark.parametrize(
    ("query", "name", "status", "code"),
    [
        ("limit=0", "limit", 422, "bad-parameter"),
        ("limit=1001", "limit", 422, "bad-parameter"),
        ("limit=-1", "limit", 422, "bad-parameter"),
        ("limit=ten", "limit", 422, "bad-parameter"),
        ("limit=", "limit", 422, "bad-parameter"),
        ("limit=1.5", "limit", 422, "bad-parameter"),
        ("limit=%D9%A1", "limit", 422, "bad-parameter"),
        ("limit=1&limit=2", "limit", 422, "bad-parameter"),
        ("kind=nobody", "kind", 422, "bad-parameter"),
        ("kind=", "kind", 422, "bad-parameter"),
        ("prefix=%00", "prefix", 422, "bad-parameter"),
        (f"prefix={'x' * 2049}", "prefix", 422, "bad-parameter"),
        ("prefix=%ff", "query", 400, "bad-query"),
        ("&".join(f"x{n}=1" for n in range(101)), "query", 400, "bad-query"),
        ("cursor=nonsense", "cursor", 400, "bad-cursor"),
        ("cursor=%C3%BC", "cursor", 400, "bad-cursor"),
        ("cursor=AAAA", "cursor", 400, "bad-cursor"),
    ],
)
async def test_a_bad_list_is_refused(query: str, name: str, status: int, code: str) -> None:
    async with rig() as r:
        refused(await r.http.get(f"/v1/agents?{query}"), status, code, name)


async def test_status_and_state() -> None:
    async with rig() as r:
        await r.call("increment", 5)
        status = (await r.http.get("/v1/agents/counter/a")).json()
        assert (status["kind"], status["key"], status["version"], status["status"]) == ("counter", "a", 1, "awake")
        assert status["metrics"]["ticks"] == {"call": {"value": 1}}
        answer = await r.http.get("/v1/agents/counter/a/state")
        assert answer.text == '{"state":{"count":5,"items":[]},"version":1}'
        await r.call("rename", "n", kind="named")
        assert (await r.http.get("/v1/agents/named/a/state")).json() == {"state": {"shown": "n"}, "version": 1}
        for path in ("/v1/agents/counter/a", "/v1/agents/counter/a/state"):
            got, head = await r.http.get(path), await r.http.head(path)
            assert head.content == b"" and head.headers == got.headers
        await r.world.hibernate(Counter, "a")
        assert (await r.http.get("/v1/agents/counter/a")).json()["status"] == "asleep"


@pytest.mark.parametrize("rest", ["", "/state"])
async def test_there_must_be_an_agent(rest: str) -> None:
    async with rig() as r:
        refused(await r.http.get(f"/v1/agents/counter/nobody{rest}"), 404, "no-agent", "counter/nobody")
        refused(await r.http.get(f"/v1/agents/nothing/a{rest}"), 404, "unknown-kind")
        refused(await r.http.get(f"/v1/agents/counter/{'x' * 513}{rest}"), 414, "limit-key")
        refused(await r.http.get(f"/v1/agents/counter/nobody{rest}/more"), 404, "no-route")
        refused(await r.http.get(f"/v1/agents/counter/nobody{rest}/"), 404, "no-route")
        assert await r.frozen() == []


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/agents", "GET, HEAD"),
        ("/v1/agents/counter/a", "DELETE, GET, HEAD"),
        ("/v1/agents/counter/a/state", "GET, HEAD"),
        ("/v1/agents/counter/a/events", "GET, HEAD"),
        ("/v1/agents/counter/a/dead-letters", "DELETE, GET, HEAD, POST"),
        ("/v1/agents/counter/a/export", "GET, HEAD, PUT"),
        ("/v1/agents/counter/a/hibernate", "POST"),
        ("/v1/agents/counter/a/disconnect", "POST"),
        ("/v1/agents/counter/a/migrate", "POST"),
        ("/v1/agents/counter/a/reset", "POST"),
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
async def test_wrong_methods_name_the_right_ones(path: str, allow: str) -> None:
    async with rig() as r:
        answer = await r.http.patch(path)
        refused(answer, 405, "method-not-allowed", "PATCH")
        assert answer.headers["allow"] == allow


async def test_a_quarantined_agent() -> None:
    async with rig() as r:
        await r.call("increment")
        await r.world.hibernate(Counter, "a")
        found = await r.runtime.snapshot(Address("counter", "a"))
        spoilt = Commit(found.address, found.generation, found.version, found.version + 1, found.at)
        spoilt.state, spoilt.seq, spoilt.released = b'{"count":"many"}', found.seq, found.version
        await r.world.store.commit(spoilt)
        refused(await r.http.get("/v1/agents/counter/a/state"), 423, "quarantined")
        refused(await r.http.post("/v1/agents/counter/a/call/increment"), 423, "quarantined")
        assert (await r.http.get("/v1/agents/counter/a")).json()["status"] == "quarantined"
        refused(await r.http.post("/v1/agents/counter/a/migrate", headers=ADMIN), 423, "quarantined")
        assert (await r.http.post("/v1/agents/counter/a/reset", headers=ADMIN)).json() == {"version": 3}
        assert await r.call("increment") == 1


async def test_dead_letters_and_redrive() -> None:
    path = "/v1/agents/counter/a/dead-letters"
    async with rig() as r:
        await r.call("increment")
        for id in ("one", "two", "three"):
            await r.http.post(f"{TELL}/crash", headers={"idempotency-key": id})
            await r.world.settle()
        refused(await r.http.get(path), 401, "unauthorized")
        refused(await r.http.get("/v1/agents/counter/nobody/dead-letters", headers=ADMIN), 404, "no-agent")
        letters = (await r.http.get(path, headers=ADMIN)).json()["dead_letters"]
        assert [x["id"] for x in letters] == ["one", "two", "three"]
        assert letters[0]["action"] == "crash"
        assert letters[0]["error"]["code"] == "agent-error"
        refused(await r.http.post(path, json={"id": "one"}), 401, "unauthorized")
        bodies: list[Any] = [{"ids": []}, {"id": 1}, [], "one"]
        for bad in bodies:
            refused(await r.http.post(path, json=bad, headers=ADMIN), 422, "bad-body")
        refused(await r.http.post(path, json={"id": "four"}, headers=ADMIN), 404, "no-dead-letter")
        assert len((await r.http.get(path, headers=ADMIN)).json()["dead_letters"]) == 3
        assert (await r.http.post(path, json={"id": "two"}, headers=ADMIN)).json() == {"redriven": 1}
        assert (await r.http.post(path, headers=ADMIN)).json()["redriven"] >= 2
        await r.world.settle()
        assert {x["id"] for x in (await r.http.get(path, headers=ADMIN)).json()["dead_letters"]} == {
            "one",
            "two",
            "three",
        }
