"""What handlers send: messages, broadcasts, closes; and that none of it leaves before its commit (rule 4)."""

from __future__ import annotations

import asyncio
import base64

from ..case import case
from ..probes.talk import talk
from ..stage import Stage


@case("ws", "on_message gets text as text, binary as bytes, and wrapped messages unwrapped")
async def messages_arrive_as_sent(stage: Stage) -> None:
    if not stage.capabilities.binary_frames:
        async with talk(stage, "room", stage.key()) as ws:
            await ws.send(b"\x00\x01\xff")
            await ws.ended()
            assert ws.code == 1003, "a binary frame ends the connection where there are none"
    async with talk(stage, "room", stage.key()) as ws:
        await ws.send("plain é\u0000 text")
        assert await ws.own() == ["heard plain é\u0000 text"]
        if stage.capabilities.binary_frames:
            await ws.send(b"\x00\x01\xff")
        else:
            await ws.send({"type": "roost_message", "base64": "AAH/"})
        assert await ws.own() == [b"\xff\x01\x00"]
        await ws.send({"type": "roost_message", "data": "wrapped"})
        assert await ws.own() == ["heard wrapped"]
        await ws.send({"type": "roost_message", "base64": base64.b64encode(b"\x01\x02\xfe").decode()})
        assert await ws.own() == [b"\xfe\x02\x01"]
        await ws.send({"type": "roost_message", "data": {"a": [1, None]}})
        assert await ws.own() == ['heard {"a":[1,null]}']
        await ws.send('{"type": "mine", "a": 1}')
        assert await ws.own() == ['heard {"type": "mine", "a": 1}'], "JSON of the author's own is not touched"
        await ws.send("[1, 2")
        assert await ws.own() == ["heard [1, 2"]
        for wrong in ("not base64!", 5, None, "QQ"):
            await ws.send({"type": "roost_message", "base64": wrong})
            assert (await ws.next("roost_error"))["code"] == "bad-frame", wrong
        assert len(await ws.result("lines")) == 8


@case("ws", "a broadcast sends text as text, bytes as binary, anything else as JSON, to every connection")
async def broadcast_sends_what_was_given(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "speaker", key) as one, talk(stage, "speaker", key) as two:
        await two.result("present")
        await one.result("mixed")
        for ws in (one, two):
            assert await ws.own(3) == ["plain", b"\x00\xff", {"data": [1, None, "é"]}]


@case("8", "broadcasts reach every connection in the order of their ticks, none lost, none twice")
async def broadcasts_keep_order(stage: Stage) -> None:
    key = stage.key()
    async with (
        talk(stage, "speaker", key) as one,
        talk(stage, "speaker", key) as two,
        stage.agent("speaker", key) as http,
    ):
        await one.result("present")
        await two.result("present")
        calls = [http.call("shout", n * 10, 10) for n in range(20)]
        await asyncio.gather(*calls)
        heard = [[f["number"] for f in await ws.own(200)] for ws in (one, two)]
        assert heard[0] == heard[1], "two connections heard different orders"
        assert sorted(heard[0]) == list(range(200)), "a broadcast was lost or came twice"
        for start in range(0, 200, 10):
            tens = heard[0][start : start + 10]
            assert tens == list(range(tens[0], tens[0] + 10)), f"the broadcasts of two ticks are mixed: {tens}"


@case("ws", "`without` leaves out one connection, given as itself or by its id")
async def broadcast_without_the_sender(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "speaker", key, _pk="ann") as ann, talk(stage, "speaker", key, _pk="bob") as bob:
        await ann.result("present")
        await bob.result("present")
        for message in ("tell the others", "tell them by id"):
            await ann.send(message)
            assert await bob.own() == [{"news": "ann"}]
        await bob.result("shout", 1, 1)
        assert await ann.own() == [{"number": 1}], "the sender heard itself"


@case("4", "what a failing handler sent is heard by nobody")
async def failing_handler_sends_nothing(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "speaker", key) as one, talk(stage, "speaker", key) as two:
        await two.result("present")
        await one.send("fail")
        error = await one.next()
        assert (error["type"], error["code"], error["error"]) == ("roost_error", "no-news", "no news today"), error
        reply = await one.call("fail")
        assert reply["success"] is False and reply["code"] == "no-news", reply
        await one.result("shout", 7, 1)
        for ws in (one, two):
            assert await ws.own() == [{"number": 7}], "a frame of a failed tick came through"


@case("7", "an outgoing message of more than 120 KiB fails its tick by name, and all of it")
async def outgoing_message_has_a_limit(stage: Stage) -> None:
    async with talk(stage, "speaker", stage.key()) as ws:
        reply = await ws.call("too_large", 120 * 1024 + 1)
        assert reply["success"] is False and reply["code"] == "limit-message-out", reply
        await ws.result("too_large", 120 * 1024)
        first, second = await ws.own(2)
        assert first == "before" and len(second) == 120 * 1024, "the refused tick sent something"


@case("ws", "a handler closes a connection with its code and reason, after what it sent; others stay")
async def handler_closes_a_connection(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "speaker", key, _pk="ann") as ann, talk(stage, "speaker", key, _pk="bob") as bob:
        await ann.result("present")
        await bob.result("present")
        for code in (1001, 2999, 5000, 0, 1006):
            reply = await bob.call("hang_up", "ann", code, "")
            assert reply["success"] is False and reply["code"] == "agent-error", f"{code} is no code to close with"
        reply = await bob.call("hang_up", "ann", 4321, "é" * 62)
        assert reply["success"] is False, "a reason of 124 bytes fits no close frame"
        await bob.result("hang_up", "ann", 4321, "so long")
        frames = await ann.ended()
        assert frames == ["goodbye"], frames
        if stage.capabilities.close_code:
            assert ann.code == 4321 and ann.socket.close_reason == "so long", (ann.code, ann.socket.close_reason)

        async def alone() -> bool:
            return bool(await bob.result("present") == ["bob"])

        await stage.until(alone)


@case("ws", "a client that reconnects finds the state as it left it")
async def reconnect_keeps_the_state(stage: Stage) -> None:
    async with stage.agent("counter") as counter:
        async with counter.connect() as one:
            for _ in range(3):
                await one.call("increment")
        await stage.evict("counter", counter.address.key)
        async with counter.connect() as two:
            assert two.state == {"count": 3}
            assert await two.call("increment") == 4
