"""The door of values: what every backend can write and read again goes in, all else is refused by name, and whatever
was acknowledged reads back equal (rules 2, 13, section 7)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from roost.contract.errors import AgentError, LimitExceeded, Rejected
from roost.contract.limits import PORTABLE

from ..agents.coffer import depth_of, nest
from ..case import case
from ..probes.answer import problem_of
from ..probes.refusal import refusal
from ..probes.talk import talk
from ..stage import Stage

DEPTH = int(PORTABLE.depth)
DIGITS = int(PORTABLE.digits)
DOORS = ("result", "state", "kv", "event", "tell", "schedule", "ask", "emit", "broadcast", "attachment")
TICKET = {"id": "12345678-1234-5678-1234-567812345678", "at": "2026-03-29T12:30:00+00:00", "paint": "blue"}
LINE = f"{TICKET['id']} {TICKET['at']} blue blue"


def most(door: str) -> int:
    """Levels that this door takes; a state is a level itself."""
    return DEPTH - 1 if door == "state" else DEPTH


def exceeded(error: Exception, limit: str) -> None:
    """It is that limit's error."""
    assert isinstance(error, LimitExceeded) and error.limit == limit and error.status == 422, repr(error)


@case("limits", "arguments of 40 levels are taken, of 41 refused by name: of calls, tells, frames; nothing runs")
async def too_deep_arguments_are_refused(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        key = coffer.address.key
        for deep in (DEPTH + 1, DEPTH + 20, 199, 900):
            exceeded(await refusal(coffer.call("measure", nest(deep))), "depth")
            exceeded(await refusal(coffer.call("measure", value=nest(deep))), "depth")
            exceeded(await refusal(coffer.tell("measure", nest(deep))), "depth")
        await refusal(coffer.state(), "no-agent")
        assert await coffer.call("measure", nest(DEPTH)) == DEPTH
        assert await coffer.call("echo", value=nest(DEPTH)) == nest(DEPTH)
        await coffer.tell("measure", nest(DEPTH))

        async def heard() -> bool:
            return bool(await coffer.call("count") == 2)

        await stage.until(heard)
        async with talk(stage, "coffer", key) as ws:
            for deep in (DEPTH + 1, 120, 240):
                reply = await ws.call("measure", nest(deep))
                assert reply["success"] is False and reply["code"] == "limit-depth", reply
                assert reply["status"] == 422 and "40 levels" in reply["error"], reply
            assert await ws.result("measure", nest(DEPTH)) == DEPTH
        await stage.evict("coffer", key)
        assert await coffer.call("count") == 3


@case("limits", "a value of 41 levels that an agent makes is refused at every door, and its tick with it; 40 read back")
async def too_deep_values_are_refused_at_every_door(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        key = coffer.address.key
        async with talk(stage, "coffer", key):
            await coffer.call("name", "first")
            before = await coffer.snapshot()
            for door in DOORS:
                exceeded(await refusal(coffer.call("nested", door, most(door) + 1)), "depth")
                assert await coffer.snapshot() == before, f"{door}: something was stored"
            exceeded(await refusal(coffer.call("nested", "kv", 900)), "depth")
            exceeded(await refusal(coffer.call("chunks", DEPTH + 1)), "depth")
            async with stage.http() as http:
                path = f"/agents/coffer/{key}"
                problem_of(await http.get(path, params=str(DEPTH + 1)), 422, "limit-depth")
                assert depth_of((await http.get(path, params=str(DEPTH))).json()) == DEPTH
            assert await coffer.snapshot() != before
            for door in DOORS:
                await coffer.call("nested", door, most(door))
            assert await coffer.call("chunks", DEPTH) == [nest(DEPTH)]
            await stage.evict("coffer", key)
            assert await coffer.call("stored") == [DEPTH - 1, DEPTH, DEPTH, DEPTH]
            assert (await coffer.snapshot()).state["value"] == nest(DEPTH - 1)
        document = await coffer.export()
        await coffer.destroy()
        await coffer.restore(document)
        assert (await coffer.call("stored"))[:3] == [DEPTH - 1, DEPTH, DEPTH]


@case("limits", "a number of more than 4,000 digits is refused by name at every door, one of 4,000 reads back")
async def too_long_numbers_are_refused(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        exceeded(await refusal(coffer.call("measure", 10**DIGITS)), "digits")
        exceeded(await refusal(coffer.tell("measure", 10**DIGITS)), "digits")
        await refusal(coffer.state(), "no-agent")
        assert await coffer.call("echo", 10 ** (DIGITS - 1)) == 10 ** (DIGITS - 1)
        assert await coffer.call("echo", "1" * 5 * DIGITS) == "1" * 5 * DIGITS, "text is no number"
        await coffer.call("name", "first")
        before = await coffer.snapshot()
        for door in DOORS[:7]:
            exceeded(await refusal(coffer.call("long", door, DIGITS + 1)), "digits")
            assert await coffer.snapshot() == before, f"{door}: something was stored"
            await coffer.call("measure", 0)
            before = await coffer.snapshot()
        await coffer.call("long", "state", DIGITS)
        await stage.evict("coffer", coffer.address.key)
        assert (await coffer.snapshot()).state["value"] == 10 ** (DIGITS - 1)


@case("2", "NaN, infinity and half a character leave by no door: the tick is refused by name, and stores nothing")
async def values_that_are_no_json_are_refused(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        key = coffer.address.key
        async with talk(stage, "coffer", key) as ws:
            await coffer.call("name", "first")
            before = await coffer.snapshot()
            for door in DOORS:
                for action, given in (("endless", [False]), ("endless", [True]), ("halved", list[bool]())):
                    error = await refusal(coffer.call(action, door, *given))
                    expected = {"not-json"} if door != "state" else {"not-json", "bad-state"}
                    assert isinstance(error, AgentError) and error.code in expected, (door, action, error)
                    assert await coffer.snapshot() == before, f"{door}: something was stored"
            for number in ("1e999", "-1e999", "[[1e400]]", "1" * 400 + ".5"):
                await ws.send(f'{{"type":"rpc","id":"x","method":"measure","args":[{number}]}}')
                reply = await ws.answer("x")
                assert reply["success"] is False and reply["code"] == "bad-json" and reply["status"] == 400, reply
            assert await ws.result("count") == 0


@case("13", "a field that goes by another name reads back, in whichever direction its alias works")
async def aliased_state_reads_back(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        await coffer.call("name", "gold", "b", "a")
        await stage.evict("coffer", coffer.address.key)
        assert await coffer.call("names") == ["gold", "gold", "gold", ["a", "b"]]
        document = await coffer.export()
        await coffer.destroy()
        await coffer.restore(document)
        assert await coffer.call("names") == ["gold", "gold", "gold", ["a", "b"]]
        assert await coffer.call("keep_in_kv", "silver") == ["silver"] * 3

        async def unpacked() -> Any:
            return [e.data async for e in coffer.events(follow=False, kinds=["unpacked"])]

        assert await stage.until(unpacked) == [["silver"] * 3]


@case("13", "a value that would not be read back as it is fails the tick; the field is named, nothing is stored")
async def state_that_would_change_is_refused(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        await coffer.call("name", "first")
        before = await coffer.snapshot()
        error = await refusal(coffer.call("hide_a_jewel"), "bad-state")
        assert isinstance(error, AgentError) and "item would not be read back" in error.message, error
        error = await refusal(coffer.call("hide_in_kv"), "bad-value")
        assert isinstance(error, AgentError) and "item would not be read back" in error.message, error
        assert await coffer.snapshot() == before
        assert await coffer.call("count") == 0


@case("13", "a value that would not be read back as it is fails the tick, though its bytes are those that are stored")
async def equal_bytes_of_another_value_are_refused(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        await coffer.call("name", "first")
        before = await coffer.snapshot()
        error = await refusal(coffer.call("disguise_a_jewel"), "bad-state")
        assert isinstance(error, AgentError) and "item would not be read back" in error.message, error
        assert await coffer.call("item") == "Item", "the memory of one host kept what was not stored"
        assert await coffer.snapshot() == before


@case("13", "what is stored is what the next tick reads: nothing is stored by reading, no limit is passed by it")
async def stored_is_what_is_read(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        await coffer.call("measure_all", 3)
        version = (await coffer.snapshot()).version
        assert await coffer.call("item") == "Item"
        assert (await coffer.snapshot()).version == version, "a call that reads has stored a state"
        exceeded(await refusal(coffer.call("measure_all", 50_000)), "view")
        assert await coffer.call("item") == "Item"
        assert (await coffer.snapshot()).version == version


@case("13", "a set in the state is no change when another process writes it in another order", together="state")
async def a_set_writes_no_version_after_a_restart(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        tags = [f"tag-{n}" for n in range(40)]
        await coffer.call("name", "first", *tags)
        version = (await coffer.snapshot()).version
        for _ in range(2):
            await stage.crash()
            assert (await coffer.call("names"))[3] == sorted(tags)
            assert (await coffer.snapshot()).version == version, "a set in another order was stored anew"
        await coffer.call("name", "first", *tags[1:])
        assert (await coffer.snapshot()).version == version + 1


@case("2", "arguments are checked as JSON: types that take no text elsewhere take it, by every way to an action")
async def strict_arguments_arrive_by_every_way(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer, stage.client() as client:
        key = coffer.address.key
        assert await coffer.call("redeem", TICKET, "blue") == LINE
        assert await coffer.call("redeem", ticket=TICKET, paint="blue") == LINE
        await coffer.tell("redeem", TICKET, "blue")
        async with talk(stage, "coffer", key) as ws:
            assert await ws.result("redeem", TICKET, "blue") == LINE
        assert await coffer.call("send_tickets", TICKET) == LINE
        other = client.agent("coffer", f"{key}-other")

        async def redeemed() -> bool:
            here = [e.data async for e in coffer.events(follow=False, kinds=["redeemed"])]
            there = [e.data async for e in other.events(follow=False, kinds=["redeemed"])]
            return here == [LINE] * 5 and there == [LINE] * 2

        await stage.until(redeemed)
        for wrong in ({**TICKET, "id": "1"}, {**TICKET, "at": 5}, {**TICKET, "paint": "green"}):
            error = await refusal(coffer.call("redeem", wrong), "bad-arguments")
            assert error.status == 422 and "ticket." in error.message, error


@case("2", "an argument of several types is the one that JSON says, as in a state and in KV, by every way to an action")
async def alternatives_are_chosen_as_in_json(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer, stage.client() as client:
        key, kinds, given = coffer.address.key, ["date", "UUID"], ("2026-03-29", str(UUID(int=1)))
        assert await coffer.call("sort", *given) == kinds
        await coffer.tell("sort", *given)
        async with talk(stage, "coffer", key) as ws:
            assert await ws.result("sort", *given) == kinds
            assert await ws.result("sort", *reversed(given)) == ["str", "str"]
        assert await coffer.call("sort_by_agents") == [*kinds, "date"]
        other = client.agent("coffer", f"{key}-other")

        async def arrived() -> bool:
            here = [e.data async for e in coffer.events(follow=False, kinds=["sorted"])]
            there = [e.data async for e in other.events(follow=False, kinds=["sorted"])]
            return here.count(kinds) == 4 and len(here) == 5 and there == [kinds] * 2

        await stage.until(arrived)


@case("http", "`self` is no argument that a caller could give")
async def self_is_no_argument(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        for verb in (coffer.call, coffer.tell):
            error = await refusal(verb("loose", self=1, a=2), "bad-arguments")
            assert error.status == 422 and "'self'" in error.message, error
        await refusal(coffer.state(), "no-agent")
        assert await coffer.call("loose", a=2, b=3) == 5
        async with talk(stage, "coffer", coffer.address.key) as ws:
            reply = await ws.call("loose", kwargs={"self": 1})
            assert reply["success"] is False and reply["code"] == "bad-arguments", reply


@case("limits", "errors of keys say what the key is of; only a URL that is too long is 414")
async def keys_are_refused_by_what_they_are_of(stage: Stage) -> None:
    async with stage.agent("coffer") as coffer:
        for action, what in (("put", "a key of kv"), ("plan", "a schedule's key"), ("reach", "an agent's key")):
            exceeded(error := await refusal(coffer.call(action, "k" * 513)), "key")
            assert what in str(error), error
            for bad in ("", ".."):
                error = await refusal(coffer.call(action, bad), "bad-key")
                assert isinstance(error, Rejected) and error.status == 400 and what in error.message, error
        assert await coffer.call("count") == 0


@case("ws", "claims are JSON data wherever an agent sees them: an instant is text over HTTP and on a connection")
async def claims_may_hold_instants(stage: Stage) -> None:
    key = stage.key()
    claims = {"name": "ann", "since": "2026-03-29T12:30:00Z", "roles": ["a", "b"]}
    async with stage.agent("coffer", key, token="dated:ann") as coffer:
        assert await coffer.call("claims") == claims
    async with talk(stage, "coffer", key, token="dated:ann") as ws:
        assert (await ws.own())[0] == {"you": claims}
        assert await ws.result("claims") == claims
