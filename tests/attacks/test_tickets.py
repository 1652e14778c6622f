"""Tickets that were seen by others, are old, or are asked for without end; and the audit log, as whoever would hide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import httpx
import pytest

from roost import ANONYMOUS, Address, Agent, App, Caller, Credentials, Rejected, RoostError, action
from roost.author.refused import REFUSALS
from roost.contract.operators import Operators
from roost.sockets.admission import authenticate
from roost.system import tickets
from roost.system.audit import LOG
from roost.system.names import TICKET, TICKETS
from roost.testing import World, world
from roost_http import Surface

pytestmark = pytest.mark.anyio
TOKEN = "operator-of-these-tests"
ADMIN = {"authorization": f"Bearer {TOKEN}"}


class Door(Agent):
    @action
    async def knock(self) -> str:
        return "in"


async def _hook(credentials: Credentials) -> Caller | None:
    name = credentials.bearer
    return ANONYMOUS if name is None else Caller(name, {"name": name})


@pytest.fixture
async def w() -> AsyncGenerator[World]:
    async with world(App([Door], auth=_hook)) as one:
        yield one


def _http(w: World) -> httpx.AsyncClient:
    surface = Surface(w.app, lambda: w.backend.runtime, admin_token=TOKEN)
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, surface)), base_url="http://127.0.0.1")


async def _ticket(w: World, key: str = "d", name: str = "ann") -> str:
    async with _http(w) as http:
        answer = await http.post(
            "/v1/tickets", json={"kind": "door", "key": key}, headers={"authorization": f"Bearer {name}"}
        )
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["ticket"]
    return found


async def _use(w: World, ticket: str, key: str = "d") -> Caller | None:
    handshake = Credentials({}, {"ticket": ticket}, Address("door", key), True, "", "connect", "GET")
    return await authenticate(w.backend.runtime, handshake, Operators())


async def test_a_ticket_is_old_after_half_a_minute(w: World) -> None:
    ticket = await _ticket(w)
    await w.advance(seconds=tickets.LIFE - 1)
    late = await _ticket(w)
    await w.advance(seconds=2)
    with pytest.raises(Rejected, match="has expired"):
        await _use(w, ticket)
    assert (await _use(w, late)) == Caller("ann", {"name": "ann"})


async def test_a_ticket_that_was_tried_at_another_agent_is_gone(w: World) -> None:
    ticket = await _ticket(w)
    for key in ("e", "d"):
        with pytest.raises(Rejected) as caught:
            await _use(w, ticket, key)
        assert (caught.value.status, caught.value.code) == (401, "bad-ticket")


async def test_a_ticket_is_for_handshakes_alone(w: World) -> None:
    ticket = await _ticket(w)
    async with _http(w) as http:
        for rest in ("state", ""):
            answer = await http.get(f"/v1/agents/door/d/{rest}".rstrip("/"), params={"ticket": ticket})
            assert answer.status_code == 404, "the hook was asked, which knows nobody, and there is no such agent"
        answer = await http.post("/v1/agents/door/d/call/knock", headers={"authorization": f"Bearer {ticket}"})
        assert answer.json() == {"result": "in"}, "a bearer is the hook's to judge"
    assert await _use(w, ticket) is not None


async def test_what_is_kept_of_a_ticket_opens_nothing(w: World) -> None:
    ticket = await _ticket(w)
    secret = ticket.removeprefix(TICKET).partition("_")[2]  # which may hold more of them
    page = await w.store.list(None, "", None, 1000)
    shards = [row.address for row in page.rows if row.address.kind == TICKETS]
    kept = [item for shard in shards for item in await w.store.scan(shard, "", "", 100)]
    assert len(kept) == 1 and secret not in str(kept)
    name = kept[0][0]
    for made in (f"rt_{name}", name, f"rt_{int(name.partition('.')[0]):x}_{name.partition('.')[2]}"):
        if made.startswith("rt_"):
            with pytest.raises(Rejected):
                await _use(w, made)
    assert await _use(w, ticket) is not None


@pytest.mark.parametrize("how", ["lose", "fail"])
async def test_a_ticket_whose_use_was_lost_is_not_used_twice(w: World, how: str) -> None:
    """The commit's answer is lost, or it failed: whoever comes again is let in once at most."""
    ticket = await _ticket(w)
    w.faults.once("store.commit", cast(Any, how))
    let_in = 0
    for _ in range(3):
        try:
            await _use(w, ticket)
        except RoostError:
            await w.advance(seconds=1)
        else:
            let_in += 1
    assert let_in <= 1


async def test_a_ticket_is_used_once_by_many_at_once_and_after_a_crash(w: World) -> None:
    first, second = await _ticket(w), await _ticket(w)

    async def attempt(ticket: str) -> bool:
        try:
            await _use(w, ticket)
        except Rejected:
            return False
        return True

    assert sum(await asyncio.gather(*(attempt(first) for _ in range(20)))) == 1
    await w.crash()
    assert not await attempt(first)
    assert await attempt(second) and not await attempt(second)


async def test_a_connection_that_is_greeted_twice_keeps_its_ticket_and_no_other_has_it(w: World) -> None:
    """A function's event may come twice: the connection has an id of the platform's before it is greeted."""
    ticket = await _ticket(w)
    handshake = Credentials({}, {"ticket": ticket}, Address("door", "d"), True, "", "connect", "GET")
    for taker, good in (("c1", True), ("c1", True), ("c2", False), ("", False), ("c1", True)):
        if good:
            assert await authenticate(w.backend.runtime, handshake, Operators(), taker) is not None
        else:
            with pytest.raises(Rejected):
                await authenticate(w.backend.runtime, handshake, Operators(), taker)
    await w.advance(seconds=tickets.LIFE + 1)
    with pytest.raises(Rejected):
        await authenticate(w.backend.runtime, handshake, Operators(), "c1")


async def test_tickets_without_end_are_bounded_and_old_ones_go(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "MOST", 3)
    monkeypatch.setattr(tickets, "SHARDS", 1)
    shard = Address(TICKETS, "0")
    for _ in range(3):
        await _ticket(w)
    async with _http(w) as http:
        answer = await http.post("/v1/tickets", json={"kind": "door", "key": "d"})
        assert (answer.status_code, answer.json()["code"]) == (429, "limit-tickets")
        assert answer.headers["retry-after"] == "5"
    await w.advance(seconds=tickets.LIFE + 1)
    await _ticket(w)
    assert len(await w.store.scan(shard, "", "", 100)) == 1


async def test_who_guesses_tokens_does_not_fill_the_audit_log(w: World) -> None:
    async with _http(w) as http:
        for n in range(REFUSALS * 5):
            answer = await http.delete(f"/v1/agents/door/{n}", headers={"authorization": f"Bearer guess-{n}"})
            assert answer.status_code == 401
        entries, _ = await w.store.log(LOG, 0, frozenset(), 1000)
        assert len(entries) == REFUSALS and all(b"guess" not in e.data for e in entries)
        await w.advance(minutes=2)
        await http.delete("/v1/agents/door/x")
        entries, _ = await w.store.log(LOG, 0, frozenset(), 1000)
        assert b'"untold":80' in entries[-1].data


async def test_nothing_is_done_that_can_not_be_written_down(w: World) -> None:
    await w.agent(Door, "d").knock()
    async with _http(w) as http:
        w.faults.once("store.commit", "fail")
        answer = await http.delete("/v1/agents/door/d", headers=ADMIN)
        assert answer.status_code == 503, answer.text
        assert (await http.get("/v1/agents/door/d")).status_code == 200
        assert (await http.delete("/v1/agents/door/d", headers=ADMIN)).status_code == 200
        assert (await http.get("/v1/agents/door/d")).status_code == 404


async def test_roosts_own_agents_answer_nobody(w: World) -> None:
    ticket = await _ticket(w)
    async with _http(w) as http:
        for headers in ({}, ADMIN):
            for kind in ("roost.tickets", "roost.audit", "roost-tickets", "roost%2etickets", "ROOST.TICKETS"):
                for rest in ("", "/state", "/events?follow=false", "/export", "/letters"):
                    answer = await http.get(f"/v1/agents/{kind}/log{rest}", headers=headers)
                    assert answer.status_code in (401, 404), (kind, rest, answer.text)
                answer = await http.post(f"/v1/agents/{kind}/0/call/put", json={"args": []}, headers=headers)
                assert answer.status_code == 404, answer.text
        assert (await http.get("/v1/agents", headers=ADMIN)).json()["agents"] == []
    assert await _use(w, ticket) is not None
