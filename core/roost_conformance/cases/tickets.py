"""Tickets: a WebSocket opened by whoever is known over HTTP, with no token in its URL."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from roost_client import Client

from ..case import case
from ..probes.answer import problem_of
from ..probes.talk import talk
from ..stage import Stage


def _as(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


async def _ticket(http: httpx.AsyncClient, key: str, token: str | None, kind: str = "vault") -> str:
    answer = await http.post("/v1/tickets", json={"kind": kind, "key": key}, headers=_as(token))
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert 20 < answer.json()["expires"] - time.time() < 40, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


@case("26", "a ticket opens a WebSocket in the name of who asked for it, once: roles, claims and operators too")
async def ticket_opens_once(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        for token, who in (
            ("user:ann;roles=clerk", ["client", "ann", "clerk"]), (None, ["nobody"]),
            (stage.harness.admin_token, ["operator", "admin"]),
        ):  # fmt: skip
            ticket = await _ticket(http, key, token)
            async with talk(stage, "vault", key, ticket=ticket) as ws:
                assert await ws.result("who") == who
                async with talk(stage, "vault", key, greeted=False, ticket=ticket) as again:
                    await again.refused(401, "bad-ticket")
                await stage.evict("vault", key)
                assert await ws.result("who") == who, "the caller is the connection's, not the ticket's"
            async with talk(stage, "vault", key, greeted=False, ticket=ticket) as again:
                await again.refused(401, "bad-ticket")


@case("26", "of many handshakes with one ticket, at once, one opens")
async def ticket_opens_one_of_many(stage: Stage) -> None:
    key = stage.key()

    async def attempt(ticket: str) -> str:
        async with talk(stage, "vault", key, greeted=False, ticket=ticket) as ws:
            first = await ws.next()
            if first.get("type") == "cf_agent_identity":
                return "opened"
            assert first["type"] == "roost_close", first
            code: str = first["problem"]["code"]
            return code

    async with stage.http() as http:
        ticket = await _ticket(http, key, "user:ann")
        opened = await asyncio.gather(*(attempt(ticket) for _ in range(4)))
    late = [code for code in opened if code not in ("opened", "bad-ticket")]  # a host that is too busy says so
    assert opened.count("opened") == 1 or (late and "opened" not in opened), opened


@case("26", "a ticket is for one agent, and survives the host; a used one stays used after a crash", together="state")
async def ticket_survives_a_crash(stage: Stage) -> None:
    key, other = stage.key(), stage.key()
    async with stage.http() as http:
        used, foreign = await _ticket(http, key, "user:ann"), await _ticket(http, key, "user:ann")
        async with talk(stage, "vault", key, ticket=used) as ws:
            await ws.result("who")
        async with talk(stage, "vault", other, greeted=False, ticket=foreign) as ws:
            await ws.refused(401, "bad-ticket")
        late = await _ticket(http, key, "user:ann")
    until = time.time() + 25
    await stage.crash()
    async with talk(stage, "vault", key, greeted=False, ticket=used) as ws:
        await ws.refused(401, "bad-ticket")
    async with talk(stage, "vault", key, greeted=False, ticket=late) as ws:
        if time.time() < until:
            assert await ws.result("who") == ["client", "ann"]
        elif time.time() > until + 10:  # a host that was long in coming back
            await ws.refused(401, "bad-ticket")


@case("26", "a ticket is given to whom the auth hook lets connect, and to nobody else; what is none opens nothing")
async def ticket_is_asked_of_the_hook(stage: Stage) -> None:
    key = stage.key()
    async with stage.http() as http:
        body = {"kind": "vault", "key": key}
        for token, status, code in (
            ("bad", 401, "bad-token"), ("user:ann;deny=connect", 403, "denied"), ("mute", 401, "unauthorized"),
            ("user:ann;for=-1", 401, "expired"),
        ):  # fmt: skip
            problem_of(await http.post("/v1/tickets", json=body, headers=_as(token)), status, code)
        bodies: list[Any] = [{}, {"kind": "vault"}, {"kind": "vault", "key": 1}, {**body, "more": 1}, []]
        for wrong in bodies:
            problem_of(await http.post("/v1/tickets", json=wrong, headers=_as("user:ann")), 422, "bad-body")
        problem_of(await http.post("/v1/tickets", json={"kind": "vault", "key": ""}), 400, "bad-key")
        for kind in ("no-such", "roost.tickets", "roost.audit"):
            problem_of(await http.post("/v1/tickets", json={"kind": kind, "key": "0"}), 404, "unknown-kind")
            problem_of(await http.post(stage.path(kind, "0", "call", "take"), json={}), 404, "unknown-kind")
        problem_of(await http.get("/v1/tickets"), 405, "method-not-allowed")
        real = await _ticket(http, key, "user:ann;for=600")
    for made_up in ("rt_", "rt_x_y", f"{real}x", real[:-1], f"rt_{int(time.time()) + 20:x}_{'A' * 43}", "rt_-1_x"):
        async with talk(stage, "vault", key, greeted=False, ticket=made_up) as ws:
            await ws.refused(401, "bad-ticket")
    async with stage.http() as http, talk(stage, "vault", key, ticket=await _ticket(http, key, "user:bob")) as ws:
        assert await ws.result("who") == ["client", "bob"]


@case("26", "our client opens its WebSockets with tickets, a new one for each, and sends its token nowhere else")
async def client_takes_tickets(stage: Stage) -> None:
    key = stage.key()
    async with (
        Client(stage.url, token="user:ann;roles=clerk", base_path=stage.harness.base_path, tickets=True) as client,
        client.agent("vault", key).connect() as one,
        client.agent("vault", key).connect() as two,
    ):
        for conn in (one, two):
            assert await conn.call("who") == ["client", "ann", "clerk"]
        assert await one.call("inside") == [["client", "ann"]] * 2
