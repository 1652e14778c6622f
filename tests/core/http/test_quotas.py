"""Quotas over HTTP: 429 with what to wait for, and what is left in the fields of every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roost import UNLIMITED, App, Caller, Credentials, Quotas, Rate, Tenants

from .rig import ADMIN, Rig, make_app, rig

pytestmark = pytest.mark.anyio
CALL = "/v1/agents/counter/{}/call/increment"


def quotas(**given: Rate | int) -> Quotas:
    return Quotas(**{name: given.get(name) for name in ("calls", "tells", "created", "keys", "bytes", "sockets")})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_calls_are_refused_with_what_to_wait_for_and_come_back() -> None:
    async with rig(make_app(quotas=quotas(calls=Rate(2, 10.0)))) as r:
        for n in (1, 0):
            answer = await r.http.post("/v1/agents/counter/a/call/increment")
            assert answer.status_code == 200
            assert answer.headers["ratelimit-policy"] == '"calls";q=2;w=10'
            assert answer.headers["ratelimit"] == f'"calls";r={n};t={10 - 5 * n}'
        for verb, path in (
            ("POST", "/v1/agents/counter/a/call/increment"), ("GET", "/v1/agents/counter/a/state"),
            ("GET", "/v1/agents/counter/a"), ("GET", "/v1/agents/counter/a/events"), ("GET", "/agents/counter/a/x"),
        ):  # fmt: skip
            answer = await r.http.request(verb, path)
            assert answer.status_code == 429, path
            assert answer.headers["retry-after"] == "5"
            assert answer.headers["ratelimit"] == '"calls";r=0;t=5'
            assert answer.headers["ratelimit-policy"] == '"calls";q=2;w=10'
            doc = answer.json()
            assert (doc["code"], doc["data"]["quota"]) == ("limit-quota-calls", "calls")
        assert (await r.http.post("/v1/agents/counter/a/tell/increment")).status_code == 202, "tells are counted apart"
        assert (await r.http.get("/v1/agents/counter/a", headers=ADMIN)).status_code == 200
        await r.world.advance(seconds=5.0)
        assert await r.call("increment") == 4


async def test_tells_keys_and_bytes() -> None:
    async with rig(make_app(quotas=quotas(tells=Rate(2), keys=Rate(2), bytes=Rate(1000)))) as r:
        told = [await r.http.post("/v1/agents/counter/a/tell/increment") for _ in range(3)]
        assert [answer.status_code for answer in told] == [202, 202, 429]
        assert told[2].json()["code"] == "limit-quota-tells"
        keys = [{"idempotency-key": f"k{n}"} for n in range(3)]
        called = [await r.http.post("/v1/agents/counter/a/call/increment", headers=key) for key in keys]
        assert [answer.status_code for answer in called] == [200, 200, 429]
        assert called[2].json()["code"] == "limit-quota-keys"
        big = b'{"args":[1],"kwargs":{}}' + b" " * 900
        assert (await r.http.post("/v1/agents/counter/a/call/increment", content=big)).status_code == 200
        refused = await r.http.post("/v1/agents/counter/a/call/increment", content=big)
        assert refused.json()["code"] == "limit-quota-bytes"
        assert refused.headers["ratelimit-policy"] == '"bytes";q=1000;qu="content-bytes";w=60'

        async def pieces() -> AsyncIterator[bytes]:
            yield big

        refused = await r.http.post("/v1/agents/counter/a/call/increment", content=pieces())
        assert refused.json()["code"] == "limit-quota-bytes", "a body whose length is not said is counted too"


async def test_created_agents_are_counted_and_those_that_are_there_are_not() -> None:
    async with rig(make_app(quotas=quotas(created=Rate(2, 3600.0)))) as r:
        await r.call("increment", key="a")
        assert (await r.http.post("/v1/agents/counter/b/tell/increment")).status_code == 202
        for n in range(5):
            await r.call("increment", key="ab"[n % 2])
        for path in ("/v1/agents/counter/c/call/increment", "/v1/agents/counter/c/tell/increment"):
            answer = await r.http.post(path)
            assert (answer.status_code, answer.json()["code"]) == (429, "limit-quota-created")
        assert (await r.http.get("/v1/agents/counter/c")).status_code == 404
        assert (await r.http.post("/v1/agents/counter/c/call/increment", headers=ADMIN)).status_code == 200
        await r.world.advance(seconds=1800.0)
        await r.call("increment", key="d")


async def test_status_says_what_is_left_and_the_operator_sees_what_was_refused() -> None:
    async with rig(make_app(quotas=quotas(calls=Rate(3), sockets=7))) as r:
        await r.call("increment")
        mine = (await r.http.get("/v1/agents/counter/a")).json()["quotas"]
        assert mine == {"calls": {"limit": 3, "seconds": 60.0, "left": 1}, "sockets": {"limit": 7, "left": 7}}
        await r.call("increment")
        assert (await r.http.get("/v1/agents/counter/a")).status_code == 429
        seen = (await r.http.get("/v1/agents/counter/a", headers=ADMIN)).json()["quotas"]
        assert seen == {"callers": 1, "sockets": 0, "refused": {"calls": 1}}


async def test_without_quotas_nothing_is_said_of_them() -> None:
    for app in (make_app(), make_app(quotas=UNLIMITED)):
        async with rig(app) as r:
            answer = await r.http.post("/v1/agents/counter/a/call/increment")
            assert "ratelimit" not in answer.headers and "ratelimit-policy" not in answer.headers
            assert "quotas" not in (await r.http.get("/v1/agents/counter/a")).json()


async def test_an_address_that_guesses_tokens_is_stopped_before_the_hook_runs() -> None:
    asked: list[str | None] = []

    async def hook(credentials: Credentials) -> Caller | None:
        asked.append(credentials.bearer)
        return Caller("ann") if credentials.bearer == "right" else None

    async with rig(make_app(auth=hook, quotas=quotas(calls=Rate(5)))) as r:
        found = [
            (
                await r.http.post("/v1/agents/counter/a/call/increment", headers={"authorization": f"Bearer {n}"})
            ).status_code
            for n in range(9)
        ]
        assert found == [401] * 5 + [429] * 4 and len(asked) == 5


# Tenants ----------------------------------------------------------------------------------------------


async def by_name(credentials: Credentials) -> Caller | None:
    """`name@tenant`."""
    name, _, tenant = (credentials.bearer or "").partition("@")
    return Caller(name, {"tenant": tenant} if tenant else {})


def of(who: str) -> dict[str, str]:
    return {"authorization": f"Bearer {who}"}


def tenanted(quotas: Quotas | None = None) -> App:
    return make_app(auth=by_name, tenants=Tenants(shared=["quiet"], quotas=quotas))


async def fill(r: Rig) -> None:
    for who, key in (("ann@acme", "acme%2Fone"), ("ann@acme", "acme%2Ftwo"), ("eve@evil", "evil%2Fone")):
        answer = await r.http.post(f"/v1/agents/counter/{key}/call/increment", headers=of(who))
        assert answer.status_code == 200, answer.text


async def test_a_client_reaches_the_agents_of_its_tenant_and_no_others() -> None:
    async with rig(tenanted()) as r:
        await fill(r)
        before = await r.frozen()
        for who, key, code in (
            ("eve@evil", "acme%2Fone", "other-tenant"), ("eve@evil", "acme", "other-tenant"),
            ("eve@evil", "evil", "other-tenant"), ("eve@acm", "acme%2Fone", "other-tenant"),
            ("eve@", "acme%2Fone", "no-tenant"), ("eve@acme/one", "acme%2Fone", "no-tenant"),
        ):  # fmt: skip
            for verb, path in (
                ("POST", CALL.format(key)), ("POST", f"/v1/agents/counter/{key}/tell/increment"),
                ("GET", f"/v1/agents/counter/{key}"), ("GET", f"/v1/agents/counter/{key}/state"),
                ("GET", f"/v1/agents/counter/{key}/events"), ("GET", f"/agents/counter/{key}/x"),
            ):  # fmt: skip
                answer = await r.http.request(verb, path, headers=of(who))
                assert (answer.status_code, answer.json()["code"]) == (403, code), (who, path)
        assert await r.frozen() == before
        assert (await r.http.get("/v1/agents/counter/acme%2Fone", headers=ADMIN)).status_code == 200


async def test_the_list_shows_a_client_its_own_and_the_operator_all() -> None:
    async with rig(tenanted()) as r:
        await fill(r)

        async def keys(headers: dict[str, str], **query: str) -> list[str]:
            answer = await r.http.get("/v1/agents", params=query, headers=headers)
            assert answer.status_code == 200, answer.text
            return [row["key"] for row in answer.json()["agents"]]

        own = ["acme/one", "acme/two"]
        assert await keys(of("ann@acme")) == await keys(of("ann@acme"), prefix="ac") == own
        assert await keys(of("ann@acme"), prefix="acme/t") == ["acme/two"]
        assert await keys(of("ann@acme"), prefix="evil/") == await keys(of("ann@acme"), prefix="acmee") == []
        assert await keys(of("eve@evil")) == ["evil/one"]
        assert await keys(ADMIN) == [*own, "evil/one"]
        page = (await r.http.get("/v1/agents", params={"limit": 1}, headers=of("ann@acme"))).json()
        assert await keys(of("eve@evil"), cursor=page["cursor"]) == ["evil/one"]
        assert (await r.http.get("/v1/agents", headers=of("eve@"))).json()["code"] == "no-tenant"


async def test_clients_of_one_tenant_share_its_quotas() -> None:
    async with rig(tenanted(quotas=quotas(calls=Rate(3)))) as r:
        await fill(r)
        path = "/v1/agents/counter/acme%2Fone/call/increment"
        assert (await r.http.post(path, headers=of("bob@acme"))).status_code == 200
        refused = await r.http.post(path, headers=of("cid@acme"))
        assert refused.status_code == 429 and "tenant acme" in refused.json()["detail"]
        assert (
            await r.http.post("/v1/agents/counter/evil%2Fone/call/increment", headers=of("eve@evil"))
        ).status_code == 200


def test_tenants_need_a_hook() -> None:
    with pytest.raises(TypeError, match="auth=hook"):
        make_app(tenants=Tenants())
