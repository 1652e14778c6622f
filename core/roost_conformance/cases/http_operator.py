"""Routes of the operator, the documents about the deployment, and web origins."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from roost.contract.hosts import is_loopback_name
from roost.ports import Capabilities

from ..app import FRIEND
from ..case import case
from ..probes.answer import absent, problem_of
from ..probes.talk import talk
from ..stage import Stage


@case("http", "operator's routes need the admin token: any other is 401 and nothing happens")
async def operator_needs_the_token(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http() as http:
        path = stage.path("clerk", clerk.address.key)
        await clerk.call("add", 1)
        routes = [
            ("DELETE", ""), ("POST", "/hibernate"), ("GET", "/export"), ("PUT", "/export"), ("POST", "/dead-letters"),
            ("GET", "/dead-letters"), ("POST", "/migrate"), ("POST", "/reset"), ("POST", "/disconnect"),
        ]  # fmt: skip
        token = stage.harness.admin_token
        for method, rest in routes:
            for given in (None, "Bearer", f"Basic {token}", f"Bearer {token}x", f"Bearer {token[:-1]}", token,
                          "Bearer user:ann"):  # fmt: skip
                headers = {} if given is None else {"authorization": given}
                answer = await http.request(method, path + rest, headers=headers)
                problem_of(answer, 401, "unauthorized")
                assert answer.headers["www-authenticate"].startswith("Bearer"), answer.headers
        problem_of(await http.get("/v1/agents"), 401, "unauthorized")
        assert (await clerk.snapshot()) == ({"runs": 1}, 1), "a refused operator changed something"
        assert (await clerk.call("who"))["principal"] == "admin", "the admin token passes as a caller too"


@case("http", "hibernate says whether the agent was in memory, and loses nothing")
async def hibernate_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http(admin=True) as http:
        path = stage.path("clerk", clerk.address.key, "hibernate")
        await clerk.call("add", 1)
        first = await http.post(path)
        assert first.status_code == 200 and isinstance(first.json()["hibernated"], bool), first.text
        assert (await http.post(path)).json() == {"hibernated": False}, "it sleeps already"
        assert await clerk.snapshot() == ({"runs": 1}, 1)
        assert await clerk.call("runs") == 1
        problem_of(await http.post("/v1/agents/no-such/x/hibernate"), 404, "unknown-kind")


@case("28", "destroy ends an agent: it is gone, a later call starts a fresh one; what is not there is 404")
async def destroy_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http(admin=True) as http:
        path = stage.path("clerk", clerk.address.key)
        problem_of(await http.delete(path), 404, "no-agent")
        await clerk.call("add", 1, idempotency_key="k")
        answer = await http.delete(path)
        assert answer.status_code == 200 and answer.json()["version"] > 1, answer.text
        await absent(stage, "clerk", clerk.address.key)
        problem_of(await http.delete(path), 404, "no-agent")
        assert await clerk.call("add", 1, idempotency_key="k") == 2
        assert await clerk.call("runs") == 1, "the old life shines through"


@case("29", "an exported agent is restored elsewhere; a wrong document, and an address that is taken, are refused")
async def export_over_http(stage: Stage) -> None:
    async with stage.agent("clerk") as clerk, stage.http(admin=True) as http:
        path = stage.path("clerk", clerk.address.key, "export")
        problem_of(await http.get(path), 404, "no-agent")
        await clerk.call("add", 1)
        answer = await http.get(path)
        assert answer.status_code == 200 and "attachment" in answer.headers["content-disposition"], answer.headers
        document = answer.json()
        problem_of(await http.put(path, json=document), 409, "exists")
        await clerk.destroy()
        for wrong in ({}, {**document, "sha256": "0"}, {**document, "kind": "counter"}, {**document, "schema": 99}):
            answer = await http.put(path, json=wrong)
            assert 400 <= answer.status_code < 500, answer.text
            problem_of(answer, answer.status_code, answer.json()["code"])
        problem_of(await http.put(path, json=[]), 422, "bad-body")
        problem_of(await http.put(path, content=b"{"), 400, "bad-json")
        await absent(stage, "clerk", clerk.address.key)
        assert (await http.put(path, json=document)).status_code == 200
        assert await clerk.state() == {"runs": 1}


@case("http", "dead letters hold what others sent: they are listed to the operator, and redriven by the operator")
async def dead_letter_routes(stage: Stage) -> None:
    async with stage.agent("mortal") as mortal, stage.http(admin=True) as http:
        path = stage.path("mortal", mortal.address.key, "dead-letters")
        problem_of(await http.get(path), 404, "no-agent")
        await mortal.call("take", "thing")
        assert (await http.get(path)).json() == {"dead_letters": []}
        id = await mortal.tell("die_trying")

        async def dead() -> list[Any]:
            return list((await http.get(path)).json()["dead_letters"])

        [letter] = await stage.until(dead)
        assert letter["id"] == id and "die_trying" in str(letter), letter
        problem_of(await http.post(path, json={"id": "none"}), 404, "no-dead-letter")
        bodies: list[Any] = [{"id": 5}, {"ids": [id]}, []]
        for wrong in bodies:
            problem_of(await http.post(path, json=wrong), 422, "bad-body")
        assert (await http.post(path, json={"id": id})).json() == {"redriven": 1}
        await stage.until(dead)


@case("http", "health and readiness answer anybody")
async def health_over_http(stage: Stage) -> None:
    async with stage.http() as http:
        for path in ("/healthz", "/readyz"):
            answer = await http.get(path)
            assert answer.status_code == 200 and answer.json()["status"] == "ok", answer.text
            assert (await http.head(path)).status_code == 200


@case("http", "a deployment says what it is: backend, version, what it can do, and the kinds it serves")
async def deployment_says_what_it_can(stage: Stage) -> None:
    async with stage.http() as http:
        said = (await http.get("/v1/capabilities")).json()
        problem_of(await http.post("/v1/capabilities"), 405, "method-not-allowed")
        paths = (await http.get("/openapi.json")).json()["paths"]
    assert Capabilities(said["backend"], **said["capabilities"]) == stage.capabilities, said
    assert said["restless"] is stage.restless and said["version"], said
    [kind] = [p for p in paths["/v1/agents"]["get"]["parameters"] if p["name"] == "kind"]
    assert said["kinds"] == kind["schema"]["enum"], said


@case("http", "the OpenAPI document is 3.1 and has one typed operation for each action, with its schemas")
async def openapi_is_typed(stage: Stage) -> None:
    async with stage.http() as http:
        doc = (await http.get("/openapi.json")).json()
    assert doc["openapi"].startswith("3.1"), doc["openapi"]
    paths = doc["paths"]
    for action in ("add", "order", "echo", "slow", "who", "refuse", "burst", "later", "weigh", "runs"):
        assert f"/v1/agents/clerk/{{key}}/call/{action}" in paths, f"{action} has no operation"
    assert "/v1/agents/clerk/{key}/call/hidden" not in paths, "what is no action must not be listed"
    operation = paths["/v1/agents/clerk/{key}/call/order"]["post"]
    given = str(_resolved(doc, operation["requestBody"]))
    assert "'amount'" in given and "'maximum': 99" in given and "'high'" in given, given
    result = _resolved(doc, paths["/v1/agents/clerk/{key}/call/add"]["post"]["responses"]["200"])
    assert result["content"]["application/json"]["schema"]["properties"]["result"] == {"type": "integer"}, result
    ids = [o["operationId"] for methods in paths.values() for o in methods.values()]
    assert len(ids) == len(set(ids)), "operation ids must be unique"
    for path in ("/v1/agents", "/v1/agents/{kind}/{key}", "/v1/agents/{kind}/{key}/state", "/healthz"):
        assert path in paths, path
    _resolved(doc, paths)  # every reference leads somewhere


def _resolved(doc: dict[str, Any], node: Any, depth: int = 0) -> Any:
    """`node` with its references followed, 40 deep at most: schemas may be recursive."""
    if depth < 40 and isinstance(node, dict):
        members = cast("dict[str, Any]", node)
        if "$ref" in members:
            found: Any = doc
            for name in str(members["$ref"]).removeprefix("#/").split("/"):
                found = found[name]
            return _resolved(doc, found, depth + 1)
        return {k: _resolved(doc, v, depth + 1) for k, v in members.items()}
    if isinstance(node, list):
        return [_resolved(doc, v, depth + 1) for v in node]  # pyright: ignore[reportUnknownVariableType]
    return node


@case("http", "a page of an allowed origin may call and read; of a foreign one it may do neither")
async def origins_over_http(stage: Stage) -> None:
    key = stage.key()
    path = stage.path("clerk", key, "call", "add")
    async with stage.http() as http:
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        for where in (path, stage.path("clerk", key, "tell", "add"), f"/agents/page/{key}"):
            answer = await http.options(where, headers={"origin": FRIEND, **asked})
            assert answer.status_code == 204, (where, answer.text)
            assert answer.headers["access-control-allow-origin"] in {FRIEND, "*"}, answer.headers
            assert "POST" in answer.headers["access-control-allow-methods"], answer.headers
            assert "authorization" in answer.headers["access-control-allow-headers"].lower(), answer.headers
            answer = await http.options(where, headers={"origin": "https://foe.example", **asked})
            assert "access-control-allow-origin" not in answer.headers, (where, answer.headers)
        for origin in ("https://foe.example", "null", f"{FRIEND}.foe.example", "http://friend.example"):
            for where in (path, stage.path("clerk", key, "tell", "add"), f"/agents/page/{key}"):
                answer = await http.post(where, json={"args": [1]}, headers={"origin": origin})
                problem_of(answer, 403, "bad-origin")
                assert "access-control-allow-origin" not in answer.headers, answer.headers
                plain = {"origin": origin, "content-type": "text/plain"}  # what a page may send without asking first
                problem_of(await http.post(where, content=b"{}", headers=plain), 403, "bad-origin")
        await absent(stage, "clerk", key)
        answer = await http.post(path, json={"args": [1]}, headers={"origin": FRIEND})
        _allowed(answer, 200)
        _allowed(await http.post(path, json={"args": ["x"]}, headers={"origin": FRIEND}), 422)
        _allowed(await http.get(stage.path("clerk", key, "state"), headers={"origin": FRIEND}), 200)
        _allowed(await http.get(f"/agents/page/{key}", headers={"origin": FRIEND}), 200)
        for given in ({"origin": "https://foe.example"}, {"sec-fetch-site": "cross-site", "sec-fetch-dest": "object"}):
            for rest in ("", "/state", "/events"):  # what loads in a foreign page, unread, tells what exists
                problem_of(await http.get(stage.path("clerk", key) + rest, headers=given), 403, "bad-origin")
        answer = await http.post(path, json={"args": [1]}, headers={"origin": stage.url})
        assert answer.status_code == 200, "a page of our own may call"


def _allowed(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["access-control-allow-origin"] in {FRIEND, "*"}, answer.headers
    assert "origin" in answer.headers.get("vary", "").lower() or answer.headers["access-control-allow-origin"] == "*"


@case("http", "a host that can't be read is refused, and so is a foreign name where only this machine can be meant")
async def foreign_hosts(stage: Stage) -> None:
    key = stage.key()
    foreign = ["[", "a b"]
    if is_loopback_name(urlsplit(stage.url).hostname or ""):  # elsewhere a platform may route by name
        foreign += ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io"]
    async with stage.http() as http:
        for host in foreign:
            headers = {"host": host, "origin": f"http://{host}"}
            for method, where in (
                ("POST", stage.path("clerk", key, "call", "add")), ("GET", "/v1/agents"),
                ("GET", f"/agents/page/{key}"), ("POST", stage.path("clerk", key, "tell", "add")),
            ):  # fmt: skip
                answer = await http.request(method, where, headers=headers)
                assert answer.status_code in (400, 403, 421), (host, where, answer.status_code, answer.text)
                assert "access-control-allow-origin" not in answer.headers, answer.headers
                if answer.headers.get("content-type") == "application/problem+json":
                    assert answer.json()["code"] == "bad-host", answer.text
    await absent(stage, "clerk", key)


@case("ws", "a WebSocket of a foreign page is refused with 4403; of our own, an allowed one, or no page, it is not")
async def origins_of_websockets(stage: Stage) -> None:
    key = stage.key()
    foreign = (
        "https://foe.example",
        "null",
        f"{FRIEND}.foe.example",
        "http://friend.example",
        f"{stage.url}.foe.example",
    )
    for origin in foreign:
        async with talk(stage, "clerk", key, headers={"origin": origin}, greeted=False) as ws:
            problem = await ws.refused(403, "bad-origin")
            assert origin in problem["detail"], problem
    await absent(stage, "clerk", key)
    host = urlsplit(stage.url)
    for headers in ({"origin": FRIEND}, {"origin": f"{host.scheme}://{host.netloc}"}, None):
        async with talk(stage, "clerk", key, headers=headers) as ws:
            assert await ws.result("add", 1) == 2
