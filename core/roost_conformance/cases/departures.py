"""Ends of connections: `on_disconnect`, ghosts, refusals (rules 25, 26)."""

from __future__ import annotations

from typing import Any

from ..case import case
from ..probes.answer import absent
from ..probes.talk import talk
from ..stage import Stage


async def _room(stage: Stage, key: str, *expected: str) -> None:
    async with stage.agent("room", key) as room:

        async def look() -> bool:
            return bool(await room.call("lines") == [*expected])

        await stage.until(look)


@case("25", "on_disconnect runs once for each connection that left, and not again at the next wake")
async def on_disconnect_runs_once(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "room", key, _pk="stays"):
        async with talk(stage, "room", key, _pk="goes") as ws:
            await ws.send("hello")
            await ws.own()
        lines = ["connect stays", "connect goes", "message 'hello'", "disconnect goes"]
        await _room(stage, key, *lines)
        for line in ("wake", "wake again"):
            await stage.evict("room", key)
            async with stage.agent("room", key) as room:
                await room.call("say", line)
            lines.append(line)
        await _room(stage, key, *lines)


@case("25", "a connection that dies without a close frame is disconnected too")
async def on_disconnect_after_a_cut(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "room", key, _pk="cut") as ws:
        await ws.send("hello")
        await ws.own()
        ws.socket.transport.abort()
        await _room(stage, key, "connect cut", "message 'hello'", "disconnect cut")


@case("25", "connections of a host that died are swept at the next wake, each with one on_disconnect", together="state")
async def ghosts_are_swept(stage: Stage) -> None:
    key = stage.key()
    async with (
        talk(stage, "seat", key, _pk="ghost", seat="1A") as ghost,
        talk(stage, "room", key, _pk="ghost") as other,
    ):
        await ghost.result("seats")
        await other.send("hello")
        await other.own()
        await stage.crash()
    async with talk(stage, "seat", key, _pk="new") as ws:

        async def alone() -> bool:
            return bool([s["label"] for s in await ws.result("seats")] == ["new"])

        await stage.until(alone)
    await _room(stage, key, "connect ghost", "message 'hello'", "disconnect ghost")
    async with stage.agent("room", key) as room:
        assert (await room.status())["connections"] == 0


@case("25", "the status counts the open connections")
async def status_counts_connections(stage: Stage) -> None:
    async with stage.agent("speaker") as speaker:
        key = speaker.address.key

        async def count(expected: int) -> None:
            async def look() -> bool:
                return bool((await speaker.status())["connections"] == expected)

            await stage.until(look)

        async with talk(stage, "speaker", key) as one:
            await one.result("present")
            async with talk(stage, "speaker", key) as two:
                await two.result("present")
                await count(2)
            await count(1)
        await count(0)


@case("26", "an unknown kind is refused with 4400, the code that ends the retries of existing clients")
async def unknown_kind_is_refused(stage: Stage) -> None:
    async with talk(stage, "no-such-kind", stage.key(), greeted=False) as ws:
        problem = await ws.refused(400, "unknown-kind")
        assert "no-such-kind" in problem["detail"], problem


@case("26", "the auth hook refuses a connection with 4401, before there is an agent")
async def auth_refuses_a_connection(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "room", key, greeted=False, token="bad") as ws:
        await ws.refused(401, "bad-token")
    await absent(stage, "room", key)


@case("23", "who the auth hook says is connected stands on the connection, also after a hibernation")
async def caller_of_a_connection(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "seat", key, token="user:ann") as ann, talk(stage, "seat", key) as nobody:
        await nobody.result("seats")
        await stage.evict("seat", key)
        callers = [s["caller"] for s in await ann.result("seats")]
        assert sorted(callers, key=str) == [None, "ann"] or sorted(callers, key=str) == ["ann", None], callers
    async with talk(stage, "clerk", key, token="user:bob") as bob:
        assert await bob.result("who") == {"principal": "bob", "name": "bob", "websocket": True}


@case("26", "a key of more than 512 bytes is refused with 4414, one of 512 is not")
async def long_key_is_refused(stage: Stage) -> None:
    base = stage.key("é")
    fits = base + "x" * (512 - len(base.encode()))
    async with talk(stage, "speaker", fits) as ws:
        assert await ws.result("present") is not None
    async with talk(stage, "speaker", fits + "x", greeted=False) as ws:
        await ws.refused(414, "limit-key")


@case("26", "the second, experimental transport is refused clearly")
async def capnweb_is_refused(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "room", key, greeted=False, __agents_transport="capnweb") as ws:
        problem = await ws.refused(501, "not-supported")
        assert "capnweb" in problem["detail"], problem
    await absent(stage, "room", key)


@case("26", "an on_connect that rejects closes with 4000 + its status and leaves no connection")
async def on_connect_may_refuse(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "doorman", key, greeted=False, do="refuse") as ws:
        problem = await ws.refused(409, "house-full")
        assert problem["detail"] == "the house is full", problem
    async with stage.agent("doorman", key) as doorman:
        assert await doorman.call("inside") == 0


@case("26", "an on_connect that fails closes with 4500, shows nothing of the failure but an id")
async def on_connect_failure_is_hidden(stage: Stage) -> None:
    async with talk(stage, "doorman", stage.key(), greeted=False, do="burst") as ws:
        problem = await ws.refused(500, "agent-error")
    assert problem["id"] and problem["id"] in problem["detail"], problem
    assert "secret" not in str(problem) and "ValueError" not in str(problem), problem


@case("26", "an on_connect that is not ready closes with a code that clients come back from")
async def on_connect_may_postpone(stage: Stage) -> None:
    async with talk(stage, "doorman", stage.key(), greeted=False, do="later") as ws:
        problem = await ws.refused(503, "transient")
        assert problem["retry_after"] == 3, problem


@case("ws", "on_connect may send, and reads the handshake's query")
async def on_connect_may_send(stage: Stage) -> None:
    async with talk(stage, "doorman", stage.key(), do="greet", _pk="ann", note="a b&ü") as ws:
        hello: dict[str, Any] = (await ws.own())[0]
        assert hello["welcome"] == "ann", hello
        assert hello["query"]["note"] == "a b&ü" and hello["query"]["do"] == "greet", hello


@case("ws", "on_connect may close: what it sent before comes before the close")
async def on_connect_may_close(stage: Stage) -> None:
    async with talk(stage, "doorman", stage.key(), do="close") as ws:
        frames = await ws.ended()
        assert {"last": "words"} in frames, frames
        if stage.capabilities.close_code:
            assert ws.code == 4001, ws.code


@case("28", "destroying an agent closes its connections for good")
async def destroy_closes_connections(stage: Stage) -> None:
    async with stage.agent("speaker") as speaker, talk(stage, "speaker", speaker.address.key) as ws:
        await ws.result("present")
        await speaker.destroy()
        await ws.ended()
        if stage.capabilities.close_code:
            assert ws.code == 4410, ws.code
