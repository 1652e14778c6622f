"""Connections: greeting, `on_connect`, labels and attachments, disconnects (rules 23 to 25)."""

from __future__ import annotations

import asyncio
from typing import Any

from ..case import case
from ..probes.barrier import barrier
from ..probes.talk import Talk, talk
from ..stage import Stage


async def _lines(stage: Stage, key: str) -> list[str]:
    async with stage.agent("room", key) as room:
        lines: list[str] = await room.call("lines")
        return lines


@case("24", "a connection is greeted with identity, state, MCP servers, in this order")
async def greeting_has_three_frames_in_order(stage: Stage) -> None:
    key = stage.key(" é/1")
    async with talk(stage, "board", key, greeted=False) as ws:
        identity, state, mcp = [await ws.next() for _ in range(3)]
    assert identity == {"type": "cf_agent_identity", "name": key, "agent": "board", "stateFollows": True}, identity
    assert state == {"type": "cf_agent_state", "state": {"text": "", "size": 1}}, state
    empty: dict[str, Any] = {"servers": {}, "tools": [], "prompts": [], "resources": []}
    assert mcp == {"type": "cf_agent_mcp_servers", "mcp": empty}, mcp


@case("24", "an agent without state announces none and sends none")
async def greeting_of_a_stateless_agent(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "speaker", key, greeted=False) as ws:
        identity, mcp = await ws.next(), await ws.next()
    assert identity == {"type": "cf_agent_identity", "name": key, "agent": "speaker"}, identity
    assert mcp["type"] == "cf_agent_mcp_servers", mcp


@case("24", "the greeting shows the last committed state, also of an agent that sleeps")
async def greeting_shows_the_committed_state(stage: Stage) -> None:
    async with stage.agent("board") as board:
        key = board.address.key
        await board.call("write", "first")
        await stage.evict("board", key)
        async with talk(stage, "board", key, greeted=False) as ws:
            assert (await ws.greeting())[1]["state"]["text"] == "first"
            await board.call("write", "second")
            await ws.until_state({"text": "second", "size": 1})
        async with talk(stage, "board", key, greeted=False) as ws:
            assert (await ws.greeting())[1]["state"]["text"] == "second"


@case("24", "a busy agent greets at once with the committed state; on_connect waits its turn")
async def busy_agent_still_greets(stage: Stage) -> None:
    key = stage.key()
    async with barrier(stage) as gate, stage.agent("room", key) as room:
        await room.call("say", "before")
        holding = asyncio.ensure_future(room.call("hold", "held", gate.key))
        await gate.arrived()
        async with asyncio.timeout(3.5):  # a client gives up after 4 s
            async with talk(stage, "room", key, greeted=False, _pk="late") as ws:
                greeting = await ws.greeting()
                assert greeting[1]["state"] == {"lines": ["before"]}, f"not the committed state: {greeting[1]}"
                assert await _lines(stage, key) == ["before"], "on_connect ran beside a tick"
        async with talk(stage, "room", key, _pk="next") as ws:
            await gate.open()
            await holding
            lines: list[str] = []
            while len(lines) < 5:
                lines = (await ws.next("cf_agent_state"))["state"]["lines"]
            assert lines[:3] == ["before", "held", "connect late"], lines
            assert sorted(lines[3:]) == ["connect next", "disconnect late"], lines  # an end may come late


@case("24", "what commits between the greeting and on_connect reaches the new connection")
async def state_between_greeting_and_on_connect_is_seen(stage: Stage) -> None:
    key = stage.key()
    async with barrier(stage) as gate, stage.agent("talker", key) as talker:
        thinking = asyncio.ensure_future(talker.call("think", gate.key))
        await gate.arrived()
        async with talk(stage, "talker", key, greeted=False) as ws:
            assert (await ws.greeting())[1]["state"]["words"] == 0
            await gate.open()  # the tick of before commits now, then on_connect, which changes nothing
            await thinking
            assert (await ws.until_state({"words": 1, "ballast": ""}))[-1]["words"] == 1


@case("24", "the first connection sees what on_start made of the state")
async def first_connection_sees_the_started_state(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "named", key, greeted=False) as ws:
        await ws.until_state({"name": f"I am {key}"})


@case("24", "on_connect runs once, before any frame of its connection, even one sent before the greeting")
async def on_connect_comes_before_frames(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "room", key, greeted=False, _pk="eager") as ws:
        for number in range(1, 4):
            await ws.send({"type": "roost_message", "data": f"m{number}", "seq": number})
        assert await ws.own(3) == ["heard m1", "heard m2", "heard m3"]
        await stage.evict("room", key)
        await ws.send({"type": "roost_message", "data": "m4", "seq": 4})
        await ws.own()
        lines = await _lines(stage, key)
    assert lines == ["connect eager", *[f"message 'm{n}'" for n in range(1, 5)]], lines


@case("24", "a state that on_connect changes reaches the connection itself")
async def on_connect_state_reaches_the_connection(stage: Stage) -> None:
    async with talk(stage, "room", stage.key(), greeted=False, _pk="me") as ws:
        assert (await ws.greeting())[1]["state"] == {"lines": []}
        await ws.until_state({"lines": ["connect me"]})


@case("23", "the connection id is ours; two connections with one _pk are two, with attachments of their own")
async def same_label_is_not_the_same_connection(stage: Stage) -> None:
    key = stage.key()
    async with (
        talk(stage, "seat", key, _pk="twin", seat="1A") as one,
        talk(stage, "seat", key, _pk="twin", seat="2B") as two,
    ):
        seats = await _seated(one, 2)
        assert [s["label"] for s in seats] == ["twin", "twin"], seats
        assert sorted(s["attachment"]["seat"] for s in seats) == ["1A", "2B"], seats
        ids = {s["id"] for s in seats}
        assert len(ids) == 2 and "twin" not in ids, f"the client chose the connection's id: {ids}"
        await two.send("sit 3C")
        assert await two.own() == [{"sits": "3C"}]
        seats = await one.result("seats")
        assert sorted(s["attachment"]["seat"] for s in seats) == ["1A", "3C"], "it changed its twin's attachment"
        await one.result("swap", *[s["id"] for s in seats])
        swapped = {s["id"]: s["attachment"] for s in await one.result("seats")}
        assert swapped == {seats[0]["id"]: seats[1]["attachment"], seats[1]["id"]: seats[0]["attachment"]}, swapped


async def _seated(ws: Talk, count: int) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        seats = await ws.result("seats")
        return seats if len(seats) == count else None

    found: list[dict[str, Any]] = await ws.stage.until(look)
    return found


@case("23", "a reconnect with the same _pk takes nothing from the connection before")
async def a_label_gives_no_attachment(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "seat", key, _pk="ann", seat="1A") as first:
        id = (await _seated(first, 1))[0]["id"]
    async with talk(stage, "seat", key, _pk="ann") as again:
        seats = await _seated(again, 1)
        assert seats[0]["attachment"] is None and seats[0]["id"] != id, seats


@case("23", "an attachment commits with its tick and rolls back with it")
async def attachment_rolls_back_with_its_tick(stage: Stage) -> None:
    async with talk(stage, "seat", stage.key(), _pk="me") as ws:
        await ws.send("sit 1A")
        assert await ws.own() == [{"sits": "1A"}]
        await ws.send("fail 9Z")
        error = await ws.next("roost_error")
        assert error["code"] == "taken" and error["status"] == 409, error
        assert (await ws.result("seats"))[0]["attachment"] == {"seat": "1A"}, "a failed tick moved the attachment"
        await ws.result("clear", "me")
        assert (await ws.result("seats"))[0]["attachment"] is None, "None does not clear an attachment"


@case("23", "an attachment survives hibernation and is gone with its connection")
async def attachment_survives_hibernation(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "seat", key, _pk="watch", seat="0") as watch:
        async with talk(stage, "seat", key, _pk="guest", seat="1A") as guest:
            await _seated(guest, 2)
            await stage.evict("seat", key)
            seats = {s["label"]: s["attachment"] for s in await guest.result("seats")}
            assert seats == {"watch": {"seat": "0"}, "guest": {"seat": "1A"}}, seats
        assert [s["label"] for s in await _seated(watch, 1)] == ["watch"]


@case("23", "an attachment of more than 16 KiB is refused by name and nothing of its tick is kept")
async def attachment_has_a_limit(stage: Stage) -> None:
    async with talk(stage, "seat", stage.key(), seat="1A") as ws:
        await ws.result("large", 16 * 1024 - 2)
        reply = await ws.call("large", 16 * 1024 - 1)
        assert reply["success"] is False and reply["code"] == "limit-attachment", reply
        assert len((await ws.result("seats"))[0]["attachment"]) == 16 * 1024 - 2


@case("24", "what a handshake's query holds for the auth hook alone is kept nowhere: on_connect gets the rest")
async def secrets_of_a_handshake(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "doorman", key, do="greet", token="user:ada", ticket="t", room="7") as ws:
        query = (await ws.own())[0]["query"]
        assert (query["do"], query["room"]) == ("greet", "7"), query
        assert not {"token", "ticket"} & query.keys(), query
