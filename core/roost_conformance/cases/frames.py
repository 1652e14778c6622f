"""Frames that come in: their order, numbered and not, and every way one can be wrong (rule 16)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from roost.protocol.frames import wrapped

from ..case import case
from ..probes.talk import Talk, talk, type_of
from ..stage import Stage


def _numbered(number: int, data: Any = None) -> dict[str, Any]:
    return {"type": "roost_message", "data": f"m{number}" if data is None else data, "seq": number}


async def _messages(ws: Talk) -> list[str]:
    return [line for line in await ws.result("lines") if line.startswith("message")]


def _lines(*numbers: int) -> list[str]:
    return [f"message 'm{n}'" for n in numbers]


@case("16", "numbered frames are taken in the order of their numbers, however they arrive")
async def numbered_frames_are_put_in_order(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        for number in (3, 2, 5, 1, 4, 6):
            await ws.send(_numbered(number))
        assert await ws.own(6) == [f"heard m{n}" for n in range(1, 7)]
        assert await _messages(ws) == _lines(1, 2, 3, 4, 5, 6)


@case("16", "calls, states and messages of one connection share one numbering")
async def all_numbered_frames_share_one_order(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        await ws.ask("say", "fourth", seq=4)
        await ws.send(_numbered(3))
        await ws.ask("say", "second", seq=2)
        await ws.send(_numbered(1))
        await ws.own(2)
        assert await ws.result("say", "fifth", seq=5) == 6
        lines = await ws.result("lines", seq=6)
        assert lines[1:] == ["message 'm1'", "second", "message 'm3'", "fourth", "fifth"], lines


@case("16", "a numbered frame that comes twice runs once")
async def duplicate_numbers_are_dropped(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        for number in (1, 1, 3, 3, 2, 2, 1, 3, 4):
            await ws.send(_numbered(number))
        await ws.own(4)
        await ws.send("end")
        assert await ws.own() == ["heard end"], "a duplicate was answered"
        assert await _messages(ws) == [*_lines(1, 2, 3, 4), "message 'end'"]


@case("16", "two hundred numbered frames at once keep their order")
async def many_numbered_frames_keep_order(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        for number in range(1, 201):
            await ws.send(_numbered(number))
        assert await ws.own(200) == [f"heard m{n}" for n in range(1, 201)]
        assert await _messages(ws) == _lines(*range(1, 201))


@case("16", "a number that is missing for 5 s closes with frame-gap; nothing behind the gap has run")
async def frame_gap_closes(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "room", key) as ws:
        await ws.send(_numbered(1))
        await ws.own()
        started = time.monotonic()
        await ws.send(_numbered(3))
        frames = await ws.ended()
        waited = time.monotonic() - started
        assert 4.5 < waited < 9, f"closed after {waited:.1f} s, not 5 s"
        errors = [f for f in frames if type_of(f) == "roost_error"]
        assert [e["code"] for e in errors] == ["frame-gap"], frames
        if stage.capabilities.close_code:
            assert ws.code == 3008, f"closed with {ws.code}: 3008 is not terminal, clients come back from it"
    async with talk(stage, "room", key) as ws:
        assert await _messages(ws) == _lines(1)


@case("16", "a gap that closes in time does no harm later, and the next gap has 5 s of its own")
async def frame_gap_in_time_is_forgotten(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        await ws.send(_numbered(2))
        await asyncio.sleep(2.7)  # less than a gap may last
        await ws.send(_numbered(4))
        await ws.send(_numbered(1))  # fills the first gap; the second is new
        assert await ws.own(2) == ["heard m1", "heard m2"]
        await asyncio.sleep(2.7)  # 5.4 s after the first gap, 2.7 s after the second
        await ws.send(_numbered(3))
        assert await ws.own(2) == ["heard m3", "heard m4"], "the second gap was given the time of the first"
        await asyncio.sleep(2.7)  # and no gap is left
        await ws.send(_numbered(5))
        assert await ws.own() == ["heard m5"]


@case("16", "more frames behind a gap than are kept end the connection at once")
async def too_many_frames_behind_a_gap(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        for number in range(2, 50):
            await ws.send(_numbered(number, "x" * 30_000))
        errors = [f for f in await ws.ended() if type_of(f) == "roost_error"]
        assert [e["code"] for e in errors] == ["frame-gap"]
        assert "wait behind it" in errors[0]["error"], f"it waited, with its memory growing: {errors[0]}"


@case("16", "frames without numbers are taken in the order sent where the backend can, all of them where it can't")
async def unnumbered_frames(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        for number in range(1, 101):
            await ws.send(f"m{number}")
        heard = await ws.own(100)
        lines = await _messages(ws)
        if stage.capabilities.frame_order:
            assert heard == [f"heard m{n}" for n in range(1, 101)]
            assert lines == _lines(*range(1, 101))
        else:
            assert sorted(lines) == sorted(_lines(*range(1, 101)))


@case("16", "a number that is none is refused and counts for nothing")
async def bad_numbers_are_refused(stage: Stage) -> None:
    async with talk(stage, "room", stage.key()) as ws:
        for seq in (0, -1, 1.5, "1", None, True, [1]):
            await ws.send({"type": "roost_message", "data": "no", "seq": seq})
            error = await ws.next("roost_error")
            assert error["code"] == "bad-frame" and error["status"] == 400, (seq, error)
        await ws.send(_numbered(1))
        assert await ws.own() == ["heard m1"]
        assert await _messages(ws) == _lines(1)


@case("ws", "a call frame that is wrong is refused, says how, and changes nothing")
async def bad_call_frames_are_refused(stage: Stage) -> None:
    async with talk(stage, "clerk", stage.key()) as ws:
        frame = {"type": "rpc", "id": "x", "method": "add", "args": [1]}
        wrong: list[tuple[str, dict[str, Any]]] = [
            ("method", {"method": 5}),
            ("method", {"method": None}),
            ("args", {"args": {"a": 1}}),
            ("args", {"args": None}),
            ("args", {"args": "1"}),
            ("kwargs", {"kwargs": [1]}),
            ("key", {"key": ""}),
            ("key", {"key": 7}),
            ("key", {"key": "k" * 256}),
            ("key", {"key": "a\nb"}),
        ]
        for name, change in wrong:
            await ws.send({**frame, **change})
            reply = await ws.answer("x")
            assert reply["success"] is False and reply["code"] == "bad-frame", (change, reply)
            assert f"`{name}`" in reply["error"], f"{change}: the error does not name {name}: {reply['error']}"
        for name in ("method", "args"):
            await ws.send({k: v for k, v in frame.items() if k != name})
            reply = await ws.answer("x")
            assert reply["success"] is False and f"`{name}`" in reply["error"], reply
        await ws.result("who")  # behind all that waits
        assert await ws.result("runs") == 1, "a refused frame ran"


@case("ws", "a call frame without a usable id is answered by an error frame that names no call")
async def call_frames_need_an_id(stage: Stage) -> None:
    async with talk(stage, "clerk", stage.key()) as ws:
        for id in (None, 5, ["x"], "x" * 256):
            await ws.send({"type": "rpc", "id": id, "method": "add", "args": [1]})
            error = await ws.next("roost_error")
            assert error["code"] == "bad-frame" and "`id`" in error["error"], (id, error)
        await ws.send({"type": "rpc", "method": "add", "args": [1]})
        assert (await ws.next("roost_error"))["code"] == "bad-frame"
        await ws.result("who", id='an "odd" id, é\u2028')
        assert await ws.result("runs") == 1, "a refused frame ran"


@case("ws", "what is no frame of the protocol is refused by an agent without on_message")
async def other_frames_need_on_message(stage: Stage) -> None:
    async with talk(stage, "clerk", stage.key()) as ws:
        call = '{"type":"rpc","id":"x","method":"echo","args":[%s]}'
        binary = b"\x00\x01" if stage.capabilities.binary_frames else wrapped(b"\x00\x01").decode()
        for frame in (
            "{not json", "", "null", "[1,2]", '"text"', '{"type":"cf_agent_state"}', '{"type":"other"}', '{"args":[]}',
            binary, call % "NaN", call % "Infinity", call % "01", call % "1", call % '"\\ud800"',
        ):  # fmt: skip
            if frame == call % "1":
                await ws.send(frame)
                assert (await ws.answer("x"))["result"] == 1, "and a good frame still is good"
                continue
            await ws.send(frame)
            error = await ws.next("roost_error", "rpc")
            assert error["type"] == "roost_error", f"{frame!r} was taken for a call: {error}"
            assert error["code"] == "no-on-message" and error["status"] == 404, (frame, error)
        await ws.result("who")
        assert await ws.result("runs") == 2, "a refused frame ran"


@case("ws", "a message of more than 32 KiB closes with 1009, one of 32 KiB is taken")
async def oversized_message_closes(stage: Stage) -> None:
    key = stage.key()
    limit = 32 * 1024
    async with talk(stage, "room", key) as ws:
        await ws.send("x" * limit)
        assert len((await ws.own())[0]) == limit + len("heard ")
        await ws.send("y" * (limit + 1))
        await ws.ended()
        assert ws.code == 1009, f"closed with {ws.code}"
    async with talk(stage, "room", key) as ws:
        messages = await _messages(ws)
        assert [line[9] for line in messages] == ["x"], "the oversized message ran"
