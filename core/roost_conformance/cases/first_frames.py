"""Frames that come before `on_connect` of their connection has run (rule 24)."""

from __future__ import annotations

from ..case import case
from ..probes.barrier import barrier
from ..probes.committed import committed
from ..probes.talk import talk
from ..stage import Stage


@case("24", "no frame is heard before on_connect has run: a readonly call waits for it too, and sees what it did")
async def readonly_frame_waits_for_on_connect(stage: Stage) -> None:
    key = stage.key()
    async with (
        barrier(stage) as gate,
        stage.agent("porch", key) as porch,
        talk(stage, "porch", key, _pk="slow", gate=gate.key) as ws,
    ):
        await gate.arrived()
        id = await ws.ask("done")
        assert await porch.call("done") == [], "on_connect is not over"
        await gate.open()
        reply = await ws.answer(id)
        assert reply["result"] == ["connect slow"], f"it was answered before on_connect had run: {reply}"


@case("24", "frames of every kind that came before on_connect had run are heard after it, in their order")
async def first_frames_keep_their_order(stage: Stage) -> None:
    key = stage.key()
    ordered = stage.capabilities.frame_order
    async with barrier(stage) as gate, talk(stage, "porch", key, _pk="slow", gate=gate.key) as ws:
        await gate.arrived()
        read = await ws.ask("done")
        await ws.send({"type": "cf_agent_state", "state": {"done": ["replaced"]}})
        if ordered:
            await ws.send("hello")
            await ws.ask("step", "stepped")
        await gate.open()
        assert (await ws.answer(read))["result"][:1] in (["connect slow"], ["replaced"]), "it went before on_connect"
        expected = ["replaced", "message 'hello'", "stepped"] if ordered else ["replaced"]

        async def look() -> bool:
            return bool(await ws.result("done") == expected)

        await stage.until(look)


@case("24", "no frame of a connection that on_connect refuses is heard, and the client is told why it was refused")
async def frames_of_a_refused_connection(stage: Stage) -> None:
    key = stage.key()
    async with barrier(stage) as gate, stage.agent("porch", key) as porch:
        await porch.call("step", "first")
        async with talk(stage, "porch", key, gate=gate.key, do="refuse") as ws:
            await gate.arrived()
            await ws.ask("done")
            await ws.ask("step", "stepped")
            await ws.send("hello")
            await ws.send({"type": "cf_agent_state", "state": {"done": ["replaced"]}})
            await gate.open()
            frames = await ws.ended()
        assert [f["type"] for f in frames if f["type"] != "cf_agent_state"] == ["roost_close"], frames
        assert frames[-1]["code"] == 4409 and frames[-1]["problem"]["code"] == "shut", frames[-1]
        await porch.call("step", "last")
        assert (await committed(porch)) == {"done": ["first", "last"]}, "a frame of a refused connection was heard"


@case("24", "a client that leaves before on_connect has run: its frames are heard, then its end")
async def leaving_before_on_connect(stage: Stage) -> None:
    key = stage.key()
    async with barrier(stage) as gate, stage.agent("porch", key) as porch:
        async with talk(stage, "porch", key, _pk="brief", gate=gate.key) as ws:
            await gate.arrived()
            if stage.capabilities.frame_order:
                await ws.send("hello")
        await gate.open()
        expected = [
            "connect brief",
            *(["message 'hello'"] if stage.capabilities.frame_order else []),
            "disconnect brief",
        ]

        async def look() -> bool:
            return bool(await porch.call("done") == expected)

        await stage.until(look)
