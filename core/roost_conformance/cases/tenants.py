"""Tenants see nothing of each other, on any route."""

from __future__ import annotations

from ..case import case
from ..probes.answer import absent, problem_of
from ..probes.talk import talk
from ..stage import Stage


def _as(tenant: str) -> dict[str, str]:
    return {"authorization": f"Bearer user:ann;tenant={tenant}"}


@case("50", "a client reaches the agents of its tenant on every route, and no others, there or not")
async def tenants_reach_their_own(stage: Stage) -> None:
    acme = stage.key()
    evil, near = f"x{acme}", acme[:-1]
    key = f"{acme}/cart"
    call = stage.path("counter", key, "call", "increment")
    routes = (
        ("POST", call), ("POST", stage.path("counter", key, "tell", "increment")),
        ("GET", stage.path("counter", key)), ("GET", stage.path("counter", key, "state")),
        ("GET", stage.path("counter", key, "events") + "?follow=0"),
        ("GET", stage.path("porch", key).replace("/v1", "", 1)),
    )  # fmt: skip
    async with stage.http() as http:
        for there in (False, True):
            for tenant in (evil, near):
                for method, path in routes:
                    problem_of(await http.request(method, path, headers=_as(tenant)), 403, "other-tenant")
                async with talk(stage, "counter", key, token=f"user:eve;tenant={tenant}", greeted=False) as ws:
                    await ws.refused(403, "other-tenant")
            problem_of(await http.get(stage.path("counter", key), headers=_as("a/b")), 403, "no-tenant")
            if not there:
                await absent(stage, "counter", key)
                answer = await http.post(routes[0][1], headers=_as(acme))
                assert answer.json() == {"result": 1}, answer.text
        async with talk(stage, "counter", key, token=f"user:ann;tenant={acme}") as ws:
            assert await ws.result("increment") == 2


@case("50", "a tenant lists its own agents, whatever prefix or cursor it sends; who has none lists nothing")
async def tenants_list_their_own(stage: Stage) -> None:
    acme = stage.key()
    evil = f"x{acme}"
    keys = [f"{acme}/a", f"{acme}/b"]
    async with stage.http() as http, stage.client() as operator:
        for key in (*keys, f"{evil}/a", acme):
            await operator.agent("counter", key).call("increment")

        async def listed(tenant: str, **query: str) -> list[str]:
            answer = await http.get("/v1/agents", params={"kind": "counter", **query}, headers=_as(tenant))
            assert answer.status_code == 200, answer.text
            return [row["key"] for row in answer.json()["agents"]]

        async def own() -> bool:
            return await listed(acme) == keys

        await stage.until(own, within=60)
        assert await listed(acme, prefix=f"{acme}/b") == keys[1:]
        for prefix in (evil, f"{evil}/", "zzz", acme[:-1] + "~"):
            assert await listed(acme, prefix=prefix) == [], prefix
        first = (await http.get("/v1/agents", params={"limit": "1"}, headers=_as(acme))).json()
        assert set(await listed(evil, cursor=first["cursor"])) <= {f"{evil}/a"}
        problem_of(await http.get("/v1/agents", headers={"authorization": "Bearer user:ann"}), 401, "unauthorized")
        problem_of(await http.get("/v1/agents"), 401, "unauthorized")
