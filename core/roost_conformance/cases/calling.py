"""Calls over a connection: replies, refusals, keys, order (rules 2, 4, 8; the client's wire)."""

from __future__ import annotations

import asyncio
from typing import Any

from ..case import case
from ..probes.answer import absent, version
from ..probes.barrier import barrier
from ..probes.talk import talk
from ..stage import Stage


@case("ws", "a reply is exactly the frame that existing clients know")
async def reply_frame_is_exact(stage: Stage) -> None:
    async with talk(stage, "clerk", stage.key()) as ws:
        reply = await ws.call("add", 2, 3, id="7f-é")
        assert reply == {"type": "rpc", "id": "7f-é", "success": True, "done": True, "result": 5}, reply
        values: list[Any] = [
            None,
            True,
            1.5,
            'é\u2028"\\',
            [],
            {"a": [None, {"b": -0.25}]},
            2**63,
            12345678901234567890123,
        ]
        for value in values:
            assert await ws.result("echo", value) == value
        assert await ws.result("add", kwargs={"b": 5, "a": 1}) == 6
        assert await ws.result("add", 1, kwargs={"b": 7}) == 8
        assert await ws.result("order", {"item": "ink", "due": "2030-01-02"}, kwargs={"urgency": "high"}) == {
            "item": "ink", "amount": 1, "due": "2030-01-02", "urgency": "high",
        }  # fmt: skip


@case("ws", "what is no action is refused with the texts existing clients know, and runs nothing")
async def what_is_no_action_is_refused(stage: Stage) -> None:
    async with talk(stage, "clerk", stage.key()) as ws:
        for method in ("nowhere", "", "Add", "add ", "é", "__secret__", "state"):
            reply = await ws.call(method)
            assert reply["success"] is False, (method, reply)
            assert reply["error"].startswith(f"Method {method} does not exist"), reply
            assert (reply["code"], reply["status"]) == ("unknown-action", 404), reply
        for method in ("hidden", "on_start", "on_request", "broadcast", "schedule", "__init__", "view"):
            reply = await ws.call(method)
            assert reply["success"] is False, (method, reply)
            assert reply["error"].startswith(f"Method {method} is not callable"), reply
            assert (reply["code"], reply["status"]) == ("not-an-action", 404), reply
        await ws.result("who")  # behind all that waits
        assert await ws.result("runs") == 1, "what is no action ran"


@case("ws", "wrong arguments are refused by name and change nothing")
async def wrong_arguments_over_a_connection(stage: Stage) -> None:
    async with talk(stage, "clerk", stage.key()) as ws:
        calls: list[tuple[str, list[Any], dict[str, Any]]] = [
            ("a", [], {}),
            ("a", ["many"], {}),
            ("b", [1, None], {}),
            ("c", [1], {"c": 2}),
            ("a", [1], {"a": 1}),
        ]
        for name, args, kwargs in calls:
            reply = await ws.call("add", *args, kwargs=kwargs)
            assert (reply["success"], reply["code"], reply["status"]) == (False, "bad-arguments", 422), reply
            assert name in reply["error"], f"{args} {kwargs}: the error does not name {name}: {reply['error']}"
            assert any(name in entry["loc"] for entry in reply["data"]), reply["data"]
        reply = await ws.call("add", 1, 2, 3)
        assert (reply["success"], reply["code"]) == (False, "bad-arguments"), reply
        await ws.result("who")
        assert await ws.result("runs") == 1, "refused arguments ran"


@case("2", "errors of an action: the author's pass through, others are hidden behind an id, passing ones say when")
async def errors_over_a_connection(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "clerk", key) as ws:
        reply = await ws.call("refuse", 410)
        assert reply["error"] == "that seat is taken" and reply["success"] is False, reply
        assert (reply["code"], reply["status"], reply["data"]) == ("seat-taken", 410, {"seat": "12A"}), reply
        reply = await ws.call("burst")
        assert (reply["code"], reply["status"], reply["success"]) == ("agent-error", 500, False), reply
        assert reply["error_id"] and reply["error_id"] in reply["error"], reply
        assert "swordfish" not in str(reply) and "ValueError" not in str(reply), reply
        reply = await ws.call("later", f"{key}-never")
        assert (reply["code"], reply["status"], reply["retry_after"]) == ("transient", 503, 7), reply
        reply = await ws.call("weigh", 120 * 1024)
        assert (reply["code"], reply["success"]) == ("limit-result", False), reply
        assert await ws.result("runs") == 0, "a failed call left something behind"
        assert len(await ws.result("weigh", 120 * 1024 - 2)) == 120 * 1024 - 2


@case("ws", "each of many calls at once gets its own reply, on its own connection")
async def replies_find_their_calls(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "clerk", key) as one, talk(stage, "clerk", key) as two:
        ids = [(ws, await ws.ask("echo", [n, who])) for n in range(20) for who, ws in enumerate((one, two))]
        for number, (ws, id) in enumerate(ids):
            reply = await (ws.next("rpc") if stage.capabilities.frame_order else ws.answer(id))
            assert reply["id"] == id and reply["result"] == [number // 2, number % 2], reply


@case("8", "under concurrent calls every connection sees the states in the order of their versions")
async def states_come_in_version_order(stage: Stage) -> None:
    key = stage.key()
    async with (
        talk(stage, "counter", key) as one,
        talk(stage, "counter", key) as two,
        stage.agent("counter", key, token=None) as http,
    ):
        await one.result("increment")
        await two.result("increment")
        calls = [asyncio.ensure_future(http.call("increment")) for _ in range(20)]
        for _ in range(20):
            await one.ask("increment")
            await two.ask("increment")
        await asyncio.gather(*calls)
        for ws in (one, two):
            seen = [s["count"] for s in await ws.until_state({"count": 62})]
            assert seen == sorted(set(seen)), f"out of order or twice: {seen}"
        assert await http.state() == {"count": 62}


@case("4", "the state frame of a call comes before its reply, so its caller has the state it awaited")
async def state_comes_before_the_reply(stage: Stage) -> None:
    async with talk(stage, "counter", stage.key()) as ws:
        for count in range(1, 6):
            id = await ws.ask("increment")
            state, reply = await ws.next("cf_agent_state", "rpc"), await ws.next("cf_agent_state", "rpc")
            assert state == {"type": "cf_agent_state", "state": {"count": count}}, state
            assert reply["id"] == id and reply["result"] == count, reply


@case("4", "what was replied to is durable: it is there after a crash right behind the reply", crashes=True)
async def replies_are_durable(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "counter", key) as ws:
        for count in range(1, 8):
            assert await ws.result("increment") == count
        await stage.crash()
    async with talk(stage, "counter", key, greeted=False) as ws:
        assert (await ws.greeting())[1]["state"] == {"count": 7}, "an acknowledged call is lost"
        assert await ws.result("increment") == 8


@case("2", "the key of a call over a connection and of one over HTTP is one key: it runs once")
async def one_key_over_both_surfaces(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "clerk", key, token="user:ann") as ws, stage.agent("clerk", key, token="user:ann") as ann:
        assert await ws.result("add", 1, key="k1") == 2
        assert await ann.call("add", 1, idempotency_key="k1") == 2
        assert await ann.call("add", 5, idempotency_key="k2") == 6
        assert await ws.result("add", 5, key="k2") == 6
        assert await ws.result("add", 5, key="k2") == 6
        assert await ws.result("runs") == 2, "a repeated key ran again"
        reply = await ws.call("add", 6, key="k2")
        assert (reply["success"], reply["code"], reply["status"]) == (False, "key-reused", 422), reply
        async with talk(stage, "clerk", key, token="user:bob") as bob:
            assert await bob.result("add", 6, key="k2") == 7, "another caller's key is another key"
        async with talk(stage, "clerk", key) as nobody:
            assert await nobody.result("add", 7, key="k2") == 8
        assert await ws.result("runs") == 4


@case("2", "a key stands for a refusal too, though not for a passing failure")
async def key_keeps_a_refusal(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "clerk", key) as ws, barrier(stage) as gate:
        first = await ws.call("burst", key="k")
        again = await ws.call("burst", key="k")
        assert first["error_id"] == again["error_id"], "the failed call ran again"
        assert (await ws.call("later", gate.key, key="l"))["status"] == 503
        await gate.open()
        assert await ws.result("later", gate.key, key="l") == 1, "a passing failure was kept"


@case("2", "the same key while the first call still runs joins it: one run, every caller answered")
async def same_key_joins_the_running_call(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "clerk", key) as one, talk(stage, "clerk", key) as two, barrier(stage) as gate:
        ids = [await one.ask("slow", gate.key, key="k")]
        await gate.arrived()
        ids.append(await one.ask("slow", gate.key, key="k"))
        other = await two.ask("slow", gate.key, key="k")
        refused = await two.call("slow", "another gate", key="k")
        assert (refused["success"], refused["code"]) == (False, "key-reused"), refused
        await gate.open()
        assert {(await one.next("rpc"))["id"] for _ in ids} == {*ids}
        assert (await two.answer(other))["result"] == 1
        assert await one.result("runs") == 1


@case("ws", "a connection to an agent that was never called makes it; a refused call on it changes nothing more")
async def refused_calls_leave_the_version(stage: Stage) -> None:
    key = stage.key()
    await absent(stage, "clerk", key)
    async with talk(stage, "clerk", key) as ws:
        await ws.result("who")
        before = await version(stage, "clerk", key)
        await ws.call("nowhere")
        await ws.call("add", "many")
        await ws.call("refuse")
        await ws.call("burst")
        assert await version(stage, "clerk", key) == before, "a call that failed was committed"
