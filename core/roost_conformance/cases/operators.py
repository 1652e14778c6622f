"""Several operators, what each may do, and what is written down of it."""

from __future__ import annotations

from typing import Any

import httpx

from ..case import case
from ..operators import NEW, OLD, READER
from ..probes.answer import problem_of
from ..probes.talk import talk
from ..stage import Stage


def _as(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "accept": "application/json"}


async def _named(http: httpx.AsyncClient) -> bool:
    """Whether the deployment has the suite's named operators; one that the suite did not make has none, and then their
    tokens are worth nothing."""
    answer = await http.get("/v1/audit", headers=_as(READER))
    if answer.status_code == 200:
        return True
    problem_of(answer, 401, "unauthorized")
    return False


async def _log(http: httpx.AsyncClient, token: str, kind: str, key: str) -> list[dict[str, Any]]:
    """What the audit log tells of one agent."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        answer = await http.get("/v1/audit", params={"after": after, "limit": 1000}, headers=_as(token))
        assert answer.status_code == 200, answer.text
        page = answer.json()["events"]
        told = [e for e in page if (e["data"]["kind"], e["data"]["key"]) == (kind, key)]
        found += [{"did": e["kind"], **e["data"]} for e in told]
        if not answer.json().get("more") and len(page) < 1000:
            return found
        after = page[-1]["seq"]


@case("http", "an operator whose role is to read reads everything and changes nothing, on every route")
async def readers_change_nothing(stage: Stage) -> None:
    key = stage.key()
    path = stage.path("vault", key)
    async with stage.http() as http, stage.agent("vault", key) as vault:
        await vault.call("note", "x")
        named = await _named(http)
        reads = ["/dead-letters", "/letters", "/export", "", "/state", "/events"]
        changes = [
            ("DELETE", ""), ("DELETE", "/dead-letters"), ("DELETE", "/letters"), ("POST", "/dead-letters"),
            ("POST", "/hibernate"), ("POST", "/migrate"), ("POST", "/reset"), ("PUT", "/export"),
            ("POST", "/disconnect"), ("POST", "/call/note"), ("POST", "/tell/note"),
        ]  # fmt: skip
        if not named:
            reads, changes = [], [c for c in changes if "/call" not in c[1] and "/tell" not in c[1]]
        for rest in reads:
            answer = await http.get(path + rest, headers=_as(READER))
            assert answer.status_code == 200, (rest, answer.text)
        for method, rest in changes:
            answer = await http.request(method, path + rest, json={"principal": "x"}, headers=_as(READER))
            problem_of(answer, 403 if named else 401, "not-allowed" if named else "unauthorized")
        assert (await http.get("/v1/agents", headers=_as(READER))).status_code == (200 if named else 401)
        assert (await vault.state())["lines"] == ["x operator/admin"]
    if named:
        async with talk(stage, "vault", key, greeted=False, headers=_as(READER)) as ws:
            await ws.refused(403, "not-allowed")


@case("http", "two tokens of one operator hold at once; each operator is called by its name")
async def tokens_are_rotated(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        named = await _named(http)
        for token in (OLD, NEW):
            path = stage.path("vault", key, "call", "operators")
            answer = await http.post(path, json={"args": ["x"]}, headers=_as(token))
            if named:
                assert answer.json() == {"result": ["operator", "ann"]}, answer.text
            else:
                problem_of(answer, 403, "not-allowed")
            close = NEW[:-1] if token is NEW else f"{OLD}x"
            problem_of(await http.delete(stage.path("vault", key), headers=_as(close)), 401, "unauthorized")


@case(
    "http",
    "what operators did, and what was refused, is in the audit log: who, what, which agent, how it ended",
    together="state",
)
async def operators_are_audited(stage: Stage) -> None:
    key = stage.key()
    path = stage.path("vault", key)
    token = stage.harness.admin_token
    async with stage.http() as http, stage.agent("vault", key) as vault:
        await vault.call("note", "secret-of-the-state")
        named = await _named(http)
        who = NEW if named else token
        assert (await http.get(path + "/export", headers=_as(who))).status_code == 200
        problem_of(await http.put(path + "/export", json={"secret": "in a body"}, headers=_as(token)), 409, "exists")
        problem_of(await http.delete(path, headers=_as("secret-of-a-stranger")), 401, "unauthorized")
        assert (await http.delete(path, headers=_as(token))).status_code == 200
        await stage.crash()
        problem_of(await http.delete(path, headers=_as(token)), 404, "no-agent")
        log = await _log(http, READER if named else token, "vault", key)
        kept = [e for e in log if e["did"] != "refused"]
        told = [(e["did"], e["who"], e["what"], e.get("status")) for e in kept]
        first = "ann" if named else "admin"
        assert told == [
            ("asked", first, "export", None), ("done", first, "export", 200),
            ("asked", "admin", "import", None), ("done", "admin", "import", 409),
            ("asked", "admin", "destroy", None), ("done", "admin", "destroy", 200),
            ("asked", "admin", "destroy", None), ("done", "admin", "destroy", 404),
        ]  # fmt: skip
        assert all(asked["id"] == done["id"] for asked, done in zip(kept[::2], kept[1::2], strict=True)), log
        refused = [e for e in log if e["did"] == "refused"]
        assert len(refused) <= 1, "of many refusals some stand for all; of one no more than it"
        for one in refused:
            assert (one["who"], one["what"], one["status"], one["code"]) == (None, "destroy", 401, "unauthorized")
        for secret in ("secret-of", "in a body", token, NEW):
            assert secret not in str(log), log
        for stranger in (None, "user:ann", "bad"):
            answer = await http.get("/v1/audit", headers={} if stranger is None else _as(stranger))
            problem_of(answer, 401, "unauthorized")
        problem_of(await http.delete("/v1/audit", headers=_as(token)), 405, "method-not-allowed")


@case("31", "Roost's own agents are not in the list, and nobody reaches them by a route")
async def own_agents_are_hidden(stage: Stage) -> None:
    async with stage.http(admin=True) as http, stage.client() as client:
        await http.get(stage.path("vault", stage.key(), "export"))
        assert (await http.post("/v1/tickets", json={"kind": "vault", "key": stage.key()})).status_code == 201
        async for row in client.agents():
            assert not row["kind"].startswith("roost."), row
        for kind in ("roost.audit", "roost.tickets"):
            problem_of(await http.get(f"/v1/agents?kind={kind}"), 422, "bad-parameter")
            for key in ("log", "0"):
                for method, rest in (
                    ("GET", ()), ("GET", ("state",)), ("GET", ("events",)), ("GET", ("export",)), ("DELETE", ()),
                    ("POST", ("call", "note")), ("POST", ("tell", "note")), ("POST", ("hibernate",)),
                ):  # fmt: skip
                    problem_of(await http.request(method, stage.path(kind, key, *rest)), 404, "unknown-kind")
            async with talk(stage, kind, "0", greeted=False) as ws:
                await ws.refused(400, "unknown-kind")
