"""Section 7: the limits are the same everywhere, to the byte, each by its name; too much stores nothing."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from roost.contract.errors import LimitExceeded
from roost.contract.limits import PORTABLE

from ..case import case
from ..probes.refusal import refusal
from ..stage import Stage

STATE = len('{"text":""}')


def exceeded(error: Exception, limit: str, status: int = 422) -> None:
    """It is that limit's error."""
    assert isinstance(error, LimitExceeded) and error.limit == limit and error.status == status, repr(error)


@case("limits", "one commit has at most 90 operations, of whichever kind")
async def commit_has_at_most_90_operations(stage: Stage) -> None:
    async with stage.agent("bulky") as bulky:
        most, mixed = PORTABLE.commit_operations, [30, 5, 30, 25]
        for n in range(4):
            alone, more = [0] * 4, list(mixed)
            alone[n], more[n] = most + 1, mixed[n] + 1
            exceeded(await refusal(bulky.call("operations", *alone)), "commit_operations")
            exceeded(await refusal(bulky.call("operations", *more)), "commit_operations")
        await refusal(bulky.state(), "no-agent")  # nothing was stored
        await bulky.call("operations", *mixed)
        assert len(await bulky.call("keys")) == 30
        assert len([e async for e in bulky.events(follow=False)]) == 30
        assert len((await bulky.status())["schedules"]) == 25


@case("limits", "one commit writes at most 1 MiB")
async def commit_has_at_most_a_mebibyte(stage: Stage) -> None:
    async with stage.agent("bulky") as bulky:
        exceeded(await refusal(bulky.call("put", "k", 130_000, 9)), "commit_bytes")
        assert await bulky.call("keys") == []
        await bulky.call("put", "k", 130_000, 8)
        assert len(await bulky.call("keys")) == 8


@case("limits", "the state has at most 256 KiB as JSON, its view 120 KiB")
async def state_and_view_have_limits(stage: Stage) -> None:
    async with stage.client() as client:
        bulky, plain = client.agent("bulky", stage.key()), client.agent("plain", stage.key())
        for agent, limit, most in ((bulky, "state", PORTABLE.state), (plain, "view", PORTABLE.view)):
            await agent.call("swell", most - STATE)
            await stage.evict(agent.address.kind, agent.address.key)
            before = await agent.snapshot()
            exceeded(await refusal(agent.call("swell", most - STATE + 1)), limit)
            assert await agent.snapshot() == before, f"{limit}: too much was stored"
        assert (await bulky.snapshot()).state == {"length": PORTABLE.state - STATE}, "view() is not what clients get"
        assert await bulky.call("length") == PORTABLE.state - STATE


@case("limits", "a value has at most 128 KiB of UTF-8")
async def value_has_a_limit(stage: Stage) -> None:
    async with stage.agent("bulky") as bulky:
        await bulky.call("put", "k", PORTABLE.value)
        exceeded(await refusal(bulky.call("put", "l", PORTABLE.value + 1)), "value")
        exceeded(await refusal(bulky.call("put_wide", PORTABLE.value // 4)), "value")  # 2 for the quotes
        await bulky.call("put_wide", PORTABLE.value // 4 - 1)
        assert len(await bulky.call("keys")) == 2


@case("limits", "arguments have at most 120 KiB as JSON: of calls and tells from outside, of asks and tells of agents")
async def arguments_have_a_limit(stage: Stage) -> None:
    async with stage.client() as client:
        bulky, other = client.agent("bulky", stage.key()), client.agent("bulky", stage.key())
        most = PORTABLE.arguments - len(to_json({"args": [""], "kwargs": dict[str, Any]()}))
        assert await bulky.call("take", "x" * most) == most
        assert await bulky.call("ask_much", most) == most
        await bulky.call("tell_much", most)
        await bulky.tell("take", "x" * most)
        before = await bulky.snapshot()
        exceeded(await refusal(bulky.call("take", "x" * (most + 1))), "arguments", 413)
        exceeded(await refusal(bulky.call("ask_much", most + 1)), "arguments", 413)
        exceeded(await refusal(bulky.call("tell_much", most + 1)), "arguments", 413)
        exceeded(await refusal(bulky.tell("take", "x" * (most + 1))), "arguments", 413)
        assert (await bulky.snapshot()).state == before.state, "a refused tell's tick was stored"
        exceeded(await refusal(other.tell("take", "é" * (most // 2 + 1))), "arguments", 413)
        await refusal(other.state(), "no-agent")


@case("limits", "a result has at most 120 KiB as JSON; one that has more fails its tick")
async def result_has_a_limit(stage: Stage) -> None:
    async with stage.agent("bulky") as bulky:
        assert len(await bulky.call("result", PORTABLE.result)) == PORTABLE.result - 2
        exceeded(await refusal(bulky.call("result", PORTABLE.result + 1)), "result")
        assert await bulky.call("length") == 1, "the tick whose result was refused was stored"


@case("limits", "keys have 1 to 512 bytes of UTF-8: of agents, of values")
async def keys_have_a_limit(stage: Stage) -> None:
    async with stage.client() as client:
        start = stage.key("-")
        for fill in ("x", "é", "\U0001f642"):
            width = len(fill.encode())
            key = start + fill * ((PORTABLE.key - len(start)) // width)
            key += "x" * (PORTABLE.key - len(key.encode()))
            longest = client.agent("bulky", key)
            assert await longest.call("swell", 3) == 3
            await stage.evict("bulky", key)
            assert await longest.call("length") == 3
            exceeded(await refusal(client.agent("bulky", key + "x").call("length")), "key", 414)
            await longest.call("put", key, 10)
            assert await longest.call("keys") == [PORTABLE.key]
            for bad in (key + "x", ""):
                assert (await refusal(longest.call("put", bad, 10))).code in {"limit-key", "bad-key"}
                assert (await refusal(longest.call("name", bad))).code in {"limit-key", "bad-key"}
            assert await longest.call("keys") == [PORTABLE.key]
