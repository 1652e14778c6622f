"""Key-value data of an agent: typed, transactional, in the order of bytes."""

from __future__ import annotations

from typing import Any

from ..case import case
from ..probes.refusal import refusal
from ..stage import Stage


@case("kv", "values come back as what they were, a missing one as the default; delete takes them away")
async def values_come_back(stage: Stage) -> None:
    async with stage.agent("shelf") as shelf:
        values: dict[str, Any] = {
            "text": "é☃\U0001f642\n\"", "empty": "", "zero": 0, "big": 2**53, "float": 0.1, "no": False, "none": None,
            "list": [1, [2, None]], "object": {"b": 1, "a": {"": []}}, "key with / and % and é": 1,
        }  # fmt: skip
        await shelf.call("put", values)
        await stage.evict("shelf", shelf.address.key)
        for key, value in values.items():
            assert await shelf.call("get", key) == value, key
        assert await shelf.call("get", "missing") == "nothing"
        await shelf.call("put", {"zero": 1})
        assert await shelf.call("get", "zero") == 1
        await shelf.call("delete", "zero")
        await shelf.call("delete", "missing")
        await shelf.call("put_then_delete", "text")
        await stage.evict("shelf", shelf.address.key)
        assert [await shelf.call("get", key) for key in ("zero", "text")] == ["nothing"] * 2


@case("kv", "a read is typed: a model comes back as a model, what does not fit fails the tick and names the key")
async def reads_are_typed(stage: Stage) -> None:
    async with stage.agent("shelf") as shelf:
        await shelf.call("put_book", "b", {"title": "Moby-Dick", "printed": "1851-10-18"})
        assert await shelf.call("get_book", "b") == ["Book", 1851]
        assert await shelf.call("get_book", "none") == []
        assert await shelf.call("get_number", "none") is None
        await shelf.call("put", {"n": "many"})
        error = await refusal(shelf.call("get_number", "n"), "agent-error")
        assert error.status == 500 and "'n'" in error.message, repr(error)


@case("kv", "a scan goes by the bytes of UTF-8, which puts a key outside the basic plane last, and pages are not seen")
async def scan_goes_by_bytes(stage: Stage) -> None:
    async with stage.agent("shelf") as shelf:
        keys = [
            "a",
            "a/1",
            "a/10",
            "a/2",
            "a0",
            "b",
            "Z",
            "é",
            "\uffee",
            "\U00010000",
            "\U0001f642",
            "a\U0001f642",
            "a\uffee",
        ]
        await shelf.call("put", dict.fromkeys(keys, 1))
        in_order = sorted(keys, key=str.encode)
        assert in_order.index("\uffee") < in_order.index("\U00010000"), "UTF-16 has it the other way"
        assert await shelf.call("scan") == in_order
        assert await shelf.call("scan", "a/") == ["a/1", "a/10", "a/2"]
        assert await shelf.call("scan", "a") == [key for key in in_order if key.startswith("a")]
        assert await shelf.call("scan", "%") == [] == await shelf.call("scan", "a_")
        many = [f"m{c}{n:04}" for c in ("\uffee", "\U00010000", "\U0001f642") for n in range(80)]
        for start in (160, 0, 80):
            await shelf.call("put", dict.fromkeys(many[start : start + 80], 1))
        assert await shelf.call("scan", "m") == many, "the order of the pages is another"
        await shelf.call("delete", "a")
        assert "a" not in await shelf.call("scan")


@case("kv", "a tick reads its own writes, in scans too, before anyone else does")
async def tick_reads_its_own_writes(stage: Stage) -> None:
    async with stage.agent("shelf") as shelf:
        await shelf.call("put", {"old": 1, "gone": 1, "kept": 1})
        seen = await shelf.call("own_writes")
        assert seen == [2, 3, None, [["kept", 1], ["new", 3], ["old", 2]]], seen
        assert await shelf.call("scan") == ["kept", "new", "old"]


@case("kv", "a scan backwards begins at the last key, and ends after as many as are asked for; own writes are in it")
async def scan_goes_backwards(stage: Stage) -> None:
    async with stage.agent("shelf") as shelf:
        keys = [f"k{n:02}" for n in range(10, 40)]
        await shelf.call("put", dict.fromkeys([*keys, "a", "z", "k\U0001f642", "k\uffee"], 1))
        ends = ["k\U0001f642", "k\uffee"]
        assert await shelf.call("last", "k", None) == [*ends, *keys[::-1]]
        assert await shelf.call("last", "k", 3) == [*ends, "k39"]
        assert await shelf.call("last", "k", 2, "k12") == ["k11", "k10"] == await shelf.call("last", "k", 9, "k12")
        assert await shelf.call("last", "k", 2, "k38", False) == ["k39", "k\uffee"]
        assert await shelf.call("last", "k", 0) == [] == await shelf.call("last", "k", None, "b")
        assert await shelf.call("last", "k", 1, "x") == ends[:1] == await shelf.call("last", "k", 1, "z")
        await refusal(shelf.call("last", "k", -1), "agent-error")
        left = [key for key in [*keys[::-1], "k05"] if key != "k20"]
        whole, three, two, none = await shelf.call("last_of_own")
        assert whole == [*ends, "k99", *left] and three == [*ends, "k99"], whole
        assert two == ["k18", "k17"] and none == []


@case("kv", "KV and state are one commit: all of a tick's writes or none")
async def values_commit_with_the_state(stage: Stage) -> None:
    async with stage.agent("shelf") as shelf:
        await shelf.call("put", {"a": 1})
        before = await shelf.snapshot()
        await refusal(shelf.call("put", {"a": 2, "b": 2}, True), "agent-error")
        error = await refusal(shelf.call("put_unwritable"), "not-json")
        assert "'bad'" in error.message, "the value that can't be written is not named"
        assert await shelf.call("scan") == ["a"] and await shelf.call("get", "a") == 1
        assert await shelf.snapshot() == before == (await shelf.snapshot())
        assert (await shelf.state())["puts"] == 1


@case("kv", "an agent's values are its own: not another's, nor those of a kind with the same key")
async def values_are_isolated(stage: Stage) -> None:
    async with stage.client() as client:
        key = stage.key()
        a, b, c = client.agent("shelf", key), client.agent("shelf", f"{key}/a"), client.agent("mortal", key)
        await a.call("put", {"a": 1, "thing/x": 1})
        await b.call("put", {"b": 1})
        await c.call("take", "y")
        assert await a.call("scan") == ["a", "thing/x"]
        assert await b.call("scan") == ["b"]
        assert await c.call("list_kv") == ["thing/y"]
