"""Export documents of a deployment with ROOST_EXPORT_KEYS: signed, and believed only where they were signed."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, cast

import pytest

from roost.contract.errors import Rejected
from roost.contract.operators import Operators

from .rig import ADMIN, Rig, rig

pytestmark = pytest.mark.anyio
ONE, TWO = "the-first-secret-of-two-deployments", "the-second-secret-of-two-deployments"
TOKEN = "a-strong-token-0123456789"


def operators(*keys: str) -> Operators:
    return Operators.from_environment({"ROOST_ADMIN_TOKEN": TOKEN, "ROOST_EXPORT_KEYS": " ".join(keys)})


def at(*keys: str) -> Any:
    return rig(admin_token=cast(str, operators(*keys)))


async def exported(r: Rig) -> dict[str, Any]:
    await r.call("increment", 3)
    answer = await r.http.get("/v1/agents/counter/a/export", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def imported(r: Rig, document: dict[str, Any], query: str = "", key: str = "b") -> tuple[int, str]:
    answer = await r.http.put(
        f"/v1/agents/counter/{key}/export{query}", json=document, headers={"authorization": f"Bearer {TOKEN}"}
    )
    return answer.status_code, "" if answer.status_code == 200 else answer.json()["code"]


def changed(document: dict[str, Any], **members: Any) -> dict[str, Any]:
    """With a checksum that fits, as whoever knows the format makes it."""
    body = {k: v for k, v in {**document, **members}.items() if k not in ("sha256", "signature")}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**body, "sha256": sha256(text.encode()).hexdigest(), "signature": document["signature"]}


async def test_a_document_that_was_changed_is_refused_by_name() -> None:
    async with at(ONE) as r:
        document = await exported(r)
        assert document["signature"].startswith("hmac-sha256:")
        rich = changed(document, state={"count": 1_000_000})
        bare = {k: v for k, v in document.items() if k != "signature"}
        assert await imported(r, rich) == (422, "bad-signature")
        assert await imported(r, bare) == (422, "unsigned-export")
        signatures: list[Any] = ["", "hmac-sha256:", document["signature"][:-1], "\U0001f642", 1, ["x"], True, {}]
        for wrong in signatures:
            assert await imported(r, {**document, "signature": wrong}) == (422, "bad-signature"), wrong
        assert await imported(r, {**document, "signature": None}) == (422, "unsigned-export")
        checksums: list[Any] = [None, 1, [document["sha256"]], {}]
        for wrong in checksums:
            assert await imported(r, {**document, "sha256": wrong}) == (422, "bad-signature"), wrong
        # What is signed is the checksum: a document that only keeps the old one is found out by it.
        assert await imported(r, {**document, "state": {"count": 9}}) == (422, "bad-export")
        assert await imported(r, document) == (200, "")
        assert await r.call("get", key="b") == 3
        assert await imported(r, rich, "?unsigned=true", "c") == (200, "")
        assert await imported(r, bare, "?unsigned=true", "d") == (200, "")
        assert await imported(r, bare, "?unsigned=yes", "e") == (422, "bad-parameter")
        headers = {"authorization": f"Bearer {TOKEN}", "accept": "application/json"}
        told = (await r.http.get("/v1/audit?follow=false", headers=headers)).json()["events"]
        done = [
            (e["data"]["what"], e["data"]["key"]) for e in told if e["kind"] == "done" and e["data"]["status"] == 200
        ]
        assert done[1:] == [("import", "b"), ("import-unsigned", "c"), ("import-unsigned", "d")], done


async def test_agents_move_between_deployments_that_share_a_secret() -> None:
    async with at(ONE) as r:
        document = await exported(r)
    async with at(TWO, ONE) as r:  # while it is changed
        assert await imported(r, document) == (200, "")
    async with at(TWO) as r:
        assert await imported(r, document) == (422, "bad-signature")
    async with at() as r:  # it signs nothing, and asks for nothing
        assert await imported(r, document) == (200, "")
        assert "signature" not in await exported(r)


async def test_only_an_operator_is_asked() -> None:
    async with rig() as r:
        answer = await r.http.put("/v1/agents/counter/b/export?unsigned=true", json={})
        assert answer.status_code == 401
        answer = await r.http.put("/v1/agents/counter/b/export?unsigned=true", json={}, headers=ADMIN)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-export")


@pytest.mark.parametrize("secret", ["short", "a" * 40, f"{ONE} short"])
def test_a_secret_that_can_be_guessed_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(Rejected, match="32 characters") as refused:
        operators(secret)
    assert secret not in refused.value.message and repr(operators(ONE).exports) == "ExportKeys(<1>)"
