"""What clients see of the state, and whether they may write it (rule 27)."""

from __future__ import annotations

from typing import Any

from ..case import case
from ..probes.answer import version
from ..probes.talk import Talk, talk
from ..stage import Stage


async def _write(ws: Talk, state: Any, **extra: Any) -> None:
    await ws.send({"type": "cf_agent_state", "state": state, **extra})


@case("27", "a client's state is refused as readonly unless the agent takes it, and nobody sees it")
async def clients_are_readonly(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "masked", key) as one, talk(stage, "masked", key) as two:
        for ws in (one, two):
            await ws.result("spend", 0)
        before = await version(stage, "masked", key)
        await _write(one, {"coins": 1000, "pin": "1"})
        error = await one.next()
        assert (error["type"], error["error"]) == ("cf_agent_state_error", "Connection is readonly"), error
        assert await two.result("spend", 1) == 2, "the client's state was taken"
        for ws in (one, two):
            assert (await ws.next("cf_agent_state"))["state"] == {"coins": 2}
        assert await version(stage, "masked", key) == before + 1
    async with talk(stage, "speaker", key) as ws:
        await _write(ws, {}, seq=1)
        error = await ws.next("cf_agent_state_error")
        assert error["error"] == "Connection is readonly" and error["seq"] == 1, error


@case("27", "a client's state is persisted; every other connection gets it, the sender does not")
async def client_state_reaches_the_others(stage: Stage) -> None:
    async with stage.agent("board") as board:
        key = board.address.key
        async with (
            talk(stage, "board", key) as one,
            talk(stage, "board", key) as two,
            talk(stage, "board", key) as three,
        ):
            for ws in (one, two, three):
                await ws.result("write", "")
            await _write(one, {"text": "mine", "size": 7})
            for ws in (two, three):
                assert await ws.until_state({"text": "mine", "size": 7})
            assert await board.state() == {"text": "mine", "size": 7}
            await _write(two, {"text": "yours"})
            assert (await one.until_state({"text": "yours", "size": 1}))[-1], "a full replacement, defaults filled in"
            await board.call("write", "ours")
            seen = await two.until_state({"text": "ours", "size": 1})
            assert {"text": "yours", "size": 1} not in seen, "the sender got its own state back"
        await stage.evict("board", key)
        assert await board.state() == {"text": "ours", "size": 1}


@case("27", "a numbered state is acknowledged once it is durable; the same state again writes nothing")
async def numbered_state_is_acknowledged(stage: Stage) -> None:
    async with stage.agent("board") as board, talk(stage, "board", board.address.key) as ws:
        await _write(ws, {"text": "a"}, seq=1)
        assert await ws.next("roost_ack", "cf_agent_state", "cf_agent_state_error") == {"type": "roost_ack", "seq": 1}
        assert await board.state() == {"text": "a", "size": 1}
        before = await version(stage, "board", board.address.key)
        await _write(ws, {"text": "a", "size": 1}, seq=2)
        assert (await ws.next("roost_ack"))["seq"] == 2
        assert await version(stage, "board", board.address.key) == before
        async with board.connect() as client:
            await client.set_state({"text": "b"})
            assert client.state == {"text": "b"} and await board.state() == {"text": "b", "size": 1}


@case("27", "a state that does not fit the model is rejected, to its sender alone, and changes nothing")
async def invalid_state_is_rejected(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "board", key) as one, talk(stage, "board", key) as two:
        await one.result("write", "good")
        await two.result("write", "good")
        before = await version(stage, "board", key)
        wrong: list[Any] = [{"size": -1}, {"size": "big"}, {"text": None}, [1], "text", None, 5]
        for number, state in enumerate(wrong, 1):
            await _write(one, state, seq=number)
            error = await one.next("cf_agent_state_error", "roost_ack")
            assert error["type"] == "cf_agent_state_error", f"{state!r} was taken"
            assert error["error"] == "State update rejected", error
            assert (error["seq"], error["code"], error["status"]) == (number, "bad-state", 422), error
        assert await version(stage, "board", key) == before, "a rejected state was committed"
        await two.result("write", "better")
        states = await two.until_state({"text": "better", "size": 1})
        assert all(s["text"] in {"", "good", "better"} for s in states), states


@case("27", "view() is what clients see: at the greeting, in every push, in GET state; the rest never leaves")
async def view_hides_the_rest(stage: Stage) -> None:
    async with stage.agent("masked") as masked:
        key = masked.address.key
        await masked.call("change_pin", "1234")
        async with talk(stage, "masked", key, greeted=False) as ws:
            greeting = await ws.greeting()
            assert greeting[1]["state"] == {"coins": 3}, greeting
            await masked.call("spend", 1)
            await masked.call("change_pin", "4321")
            await masked.call("spend", 1)
            for state in await ws.until_state({"coins": 1}):
                assert [*state] == ["coins"], f"the pin leaves with a push: {state}"
        assert await masked.state() == {"coins": 1}
        await stage.evict("masked", key)
        assert await masked.state() == {"coins": 1}
        assert await masked.call("pin") == "4321", "what is hidden must still be kept"
