"""The operator's routes and the token that opens them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .rig import ADMIN, TOKEN, refused, rig

pytestmark = pytest.mark.anyio
AGENT = "/v1/agents/counter/a"
ROUTES = [
    ("POST", "/hibernate"), ("GET", "/export"), ("HEAD", "/export"), ("PUT", "/export"), ("DELETE", ""),
    ("POST", "/migrate"), ("POST", "/reset"), ("POST", "/dead-letters"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "rest"), ROUTES)
async def test_without_the_token_nothing_moves(method: str, rest: str) -> None:
    async with rig() as r:
        await r.call("increment")
        before = await r.frozen()
        for bad in (
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            f"Basic {TOKEN}",
            TOKEN,
            f"Bearer {TOKEN}x",
            "Bearer \xff",
        ):
            headers = {} if bad is None else {"authorization": bad.encode("latin-1")}
            answer = await r.http.request(method, AGENT + rest, headers=headers)  # type: ignore[arg-type]
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                refused(answer, 401, "unauthorized", "Bearer")
        assert await r.frozen() == before


@pytest.mark.parametrize("token", [None, ""])
async def test_without_a_configured_token_the_routes_are_closed(token: str | None) -> None:
    async with rig(admin_token=token) as r:
        await r.call("increment")
        for method, rest in ROUTES:
            for headers in ({}, {"authorization": "Bearer "}, ADMIN):
                answer = await r.http.request(method, AGENT + rest, headers=headers)
                assert answer.status_code == 403
                if method != "HEAD":
                    refused(answer, 403, "no-admin-token", "ROOST_ADMIN_TOKEN")
        assert await r.call("get") == 1


async def test_hibernate() -> None:
    async with rig() as r:
        await r.call("increment")
        for expected in (True, False):
            answer = await r.http.post(f"{AGENT}/hibernate", headers=ADMIN)
            assert answer.json() == {"hibernated": expected}
        assert await r.call("get") == 1


async def test_destroy_and_after() -> None:
    async with rig() as r:
        await r.call("increment")
        assert (await r.http.delete(AGENT, headers=ADMIN)).json() == {"version": 2}
        refused(await r.http.get(AGENT), 404, "no-agent")
        refused(await r.http.delete(AGENT, headers=ADMIN), 404, "no-agent")
        assert await r.call("increment") == 1


async def test_export_and_import() -> None:
    async with rig() as r:
        await r.call("increment", 7)
        answer = await r.http.get(f"{AGENT}/export", headers={"Authorization": f"bearer  {TOKEN}"})
        assert answer.headers["content-disposition"].startswith('attachment; filename="counter-a.json"')
        document = answer.json()
        refused(await r.http.put(f"{AGENT}/export", json=document, headers=ADMIN), 409, "exists")
        await r.http.delete(AGENT, headers=ADMIN)
        assert (await r.http.put(f"{AGENT}/export", json=document, headers=ADMIN)).json()["version"] > 2
        assert await r.call("get") == 7
        moved = "/v1/agents/counter/b%2F%22%0D%0Aü"
        assert (await r.http.put(f"{moved}/export", json=document, headers=ADMIN)).status_code == 200
        again = await r.http.get(f"{moved}/export", headers=ADMIN)
        assert again.headers["content-disposition"] == (
            "attachment; filename=\"counter-b_.json\"; filename*=UTF-8''counter-b%2F%22%0D%0A%C3%BC.json"
        )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (None, "bad-body"), ({}, "bad-export"), ({"format": "x"}, "bad-export"),
        ({"schema": 99}, "bad-export"), ({"state": {"count": 8}}, "bad-export"), ({"sha256": ""}, "bad-export"),
        ({"kind": "quiet"}, "bad-export"),
    ],
)  # fmt: skip
async def test_a_bad_document_changes_nothing(change: Any, code: str) -> None:
    async with rig() as r:
        await r.call("increment", 7)
        document = (await r.http.get(f"{AGENT}/export", headers=ADMIN)).json()
        before = await r.frozen()
        body: Any = change and {**document, **change}
        refused(await r.http.put("/v1/agents/counter/b/export", content=json.dumps(body), headers=ADMIN), 422, code)
        refused(await r.http.put("/v1/agents/counter/b/export", content=b"{", headers=ADMIN), 400, "bad-json")
        assert await r.frozen() == before


async def test_an_export_may_be_larger_than_other_bodies() -> None:
    async with rig() as r:
        limits = r.runtime.limits
        big = {"format": "x" * (limits.http_body + 1)}
        refused(await r.http.put(f"{AGENT}/export", json=big, headers=ADMIN), 422, "bad-export")
        bigger = b" " * (limits.export + 1)
        refused(await r.http.put(f"{AGENT}/export", content=bigger, headers=ADMIN), 413, "limit-export")


async def test_kinds_and_keys_are_checked_here_too() -> None:
    async with rig() as r:
        for method, rest in ROUTES:
            if method != "HEAD":
                refused(await r.http.request(method, f"/v1/agents/nothing/a{rest}", headers=ADMIN), 404, "unknown-kind")
                answer = await r.http.request(method, f"/v1/agents/counter/{'k' * 513}{rest}", headers=ADMIN)
                refused(answer, 414, "limit-key")
