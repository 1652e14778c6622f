"""The app's auth hook at every route that names an agent."""

from __future__ import annotations

import httpx
import pytest

from roost import App, Caller, Credentials

from .agents import auth
from .rig import ADMIN, AGENTS, make_app, refused, rig

pytestmark = pytest.mark.anyio
ROUTES = [
    ("POST", "/v1/agents/counter/a/call/increment"), ("POST", "/v1/agents/counter/a/tell/increment"),
    ("GET", "/v1/agents/counter/a"), ("GET", "/v1/agents/counter/a/state"), ("GET", "/v1/agents/counter/a/events"),
    ("GET", "/agents/counter/a"), ("PUT", "/agents/counter/a/x"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_who_may_not(method: str, path: str, caplog: pytest.LogCaptureFixture) -> None:
    async with rig(make_app(auth=auth)) as r:

        async def ask(token: str | None) -> httpx.Response:
            headers = {"accept": "application/json"}
            if token is not None:
                headers["authorization"] = f"Bearer {token}"
            return await r.http.request(method, path, headers=headers)

        answer = await ask(None)
        refused(answer, 401, "unauthorized", "who are you?")
        assert answer.headers["www-authenticate"] == "Bearer"
        refused(await ask("villain"), 403, "forbidden")
        answer = await ask("broken")
        doc = refused(answer, 500, "agent-error")
        assert "1234" not in answer.text and doc["id"] in caplog.text and "1234" in caplog.text
        assert await r.frozen() == []


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_who_may(method: str, path: str) -> None:
    async with rig(make_app(auth=auth)) as r:
        await r.http.post("/v1/agents/counter/a/call/increment", headers=ADMIN)
        for token in ("ann", "admin-token"):
            headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
            answer = await r.http.request(method, path, headers=headers)
            assert answer.status_code in (200, 202), answer.text
        answer = await r.http.request(method, f"{path}?token=ann", headers={"accept": "application/json"})
        assert answer.status_code in (200, 202), answer.text


async def test_the_agent_knows_its_caller() -> None:
    async with rig(make_app(auth=auth)) as r:
        for token, name in (("ann", "ann"), ("admin-token", "admin")):
            headers = {"authorization": f"Bearer {token}"}
            answer = await r.http.post("/v1/agents/quiet/a/call/ping", headers=headers)
            assert answer.json() == {"result": f"pong {name}"}
            assert (await r.http.get("/agents/counter/a", headers=headers)).json()["caller"] == name
    async with rig() as r:
        assert await r.call("ping", kind="quiet") == "pong nobody"
        answer = await r.http.post("/v1/agents/quiet/a/call/ping", headers=ADMIN)
        assert answer.json() == {"result": "pong admin"}


async def test_idempotency_keys_belong_to_their_caller() -> None:
    async with rig(make_app(auth=auth)) as r:
        for token, expected in (("ann", 1), ("bob", 2), ("ann", 1), ("bob", 2)):
            headers = {"authorization": f"Bearer {token}", "idempotency-key": "k"}
            answer = await r.http.post("/v1/agents/counter/a/call/increment", headers=headers)
            assert answer.json() == {"result": expected}


async def test_what_the_hook_sees() -> None:
    seen: list[Credentials] = []

    async def nobody(credentials: Credentials) -> Caller | None:
        seen.append(credentials)
        return None

    async with rig(App(AGENTS, auth=nobody)) as r:
        await r.http.post("/v1/agents/counter/a%2Fb/call/increment?x=%20y", headers={"X-Y": "z"})
        refused(await r.http.post("/v1/agents/nothing/a/call/increment"), 404, "unknown-kind")
        refused(await r.http.post(f"/v1/agents/counter/{'x' * 513}/call/increment"), 414, "limit-key")
    (one,) = seen
    assert (one.address.kind, one.address.key) == ("counter", "a/b")
    assert one.query == {"x": " y"}
    assert one.headers["x-y"] == "z"
    assert not one.websocket
    assert one.client == "127.0.0.1"
    assert (one.operation, one.method) == ("call:increment", "POST")


async def test_operators_routes_do_not_ask_the_hook() -> None:
    async with rig(make_app(auth=auth)) as r:
        refused(await r.http.get("/v1/agents", headers={"authorization": "Bearer ann"}), 401, "unauthorized")
        assert (await r.http.get("/v1/agents", headers=ADMIN)).status_code == 200
        await r.http.post("/v1/agents/counter/a/call/increment", headers=ADMIN)
        for name in ("villain", "ann"):
            headers = {"authorization": f"Bearer {name}"}
            refused(await r.http.delete("/v1/agents/counter/a", headers=headers), 401, "unauthorized")
        assert (await r.http.delete("/v1/agents/counter/a", headers=ADMIN)).status_code == 200
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert (await r.http.get(path)).status_code == 200
