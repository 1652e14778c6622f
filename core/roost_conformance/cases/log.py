"""The event log and its stream (rules 17, 19)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from pydantic_core import from_json

from roost_client import AgentHandle

from ..case import case
from ..probes.answer import absent, problem_of
from ..probes.feed import feed
from ..probes.refusal import refusal
from ..stage import Stage

LOG = 1000
"""Entries an agent keeps (Limits.log)."""


async def _entries(stage: Stage, journal: AgentHandle, **params: Any) -> dict[str, Any]:
    async with stage.http() as http:
        path = stage.path("journal", journal.address.key, "events")
        answer = await http.get(path, params=params, headers={"accept": "application/json"})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@case("17", "entries are numbered from 1 without holes; a tick that fails takes no number")
async def log_numbers_are_dense(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        await journal.call("note", "a", 0, 3)
        await refusal(journal.call("tear", 5), "torn")
        await journal.call("note", "b", 3)
        await stage.evict("journal", journal.address.key)
        await refusal(journal.call("tear", 1), "torn")
        await journal.call("note", "a", 4, 2)
        found = await _entries(stage, journal)
        assert [e["seq"] for e in found["events"]] == [1, 2, 3, 4, 5, 6], found
        assert [e["data"]["n"] for e in found["events"]] == [0, 1, 2, 3, 4, 5], found
        assert [e["kind"] for e in found["events"]] == ["a", "a", "a", "b", "a", "a"], found
        times = [e["at"] for e in found["events"]]
        assert times == sorted(times) and found["first"] == 1, found
        assert (await journal.status())["events"] == 6


@case("17", "entries of concurrent ticks are each numbered once")
async def log_of_concurrent_ticks(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        await asyncio.gather(*(journal.call("note", "x", n * 10, 3) for n in range(20)))
        events = (await _entries(stage, journal))["events"]
        assert [e["seq"] for e in events] == [*range(1, 61)]
        assert sorted(e["data"]["n"] for e in events) == sorted(n * 10 + i for n in range(20) for i in range(3))


@case("17", "kinds, after and limit choose entries, for callers and for the agent itself")
async def log_is_filtered(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        for first in range(0, 12, 3):
            await journal.call("note", "even" if first % 2 == 0 else "odd", first, 3)
        everything = [e["seq"] for e in (await _entries(stage, journal))["events"]]
        assert everything == [*range(1, 13)]
        odd = [e["seq"] for e in (await _entries(stage, journal, kinds="odd"))["events"]]
        assert odd == [4, 5, 6, 10, 11, 12]
        assert [e["seq"] for e in (await _entries(stage, journal, kinds="odd", after=5, limit=2))["events"]] == [6, 10]
        assert (await _entries(stage, journal, kinds="none,nothing"))["events"] == []
        assert [e["seq"] for e in (await _entries(stage, journal, kinds="odd,even"))["events"]] == everything
        assert await journal.call("read", "odd", 5) == [6, 10, 11, 12]
        assert await journal.call("read", "") == everything
        async with aclosing(journal.events(kinds=["odd"], after=4, follow=False)) as events:
            assert [(e.seq, e.kind) async for e in events] == [(n, "odd") for n in (5, 6, 10, 11, 12)]


@case("17", "a resume with Last-Event-ID sends what came after it, nothing twice, and wins over `after`")
async def log_resumes_after_the_last_id(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        await journal.call("note", "x", 1, 6)
        path = stage.path("journal", journal.address.key, "events")
        async with feed(stage, "GET", f"{path}?follow=false", headers={"last-event-id": "4"}) as events:
            all_sent = await events.rest()
        assert [e.id for e in all_sent] == ["5", "6"], all_sent
        assert [from_json(e.data)["seq"] for e in all_sent] == [5, 6]
        assert {e.event for e in all_sent} == {"x"}, "the event's name is the entry's kind"
        async with feed(stage, "GET", f"{path}?follow=false&after=1", headers={"last-event-id": "5"}) as events:
            assert [e.id for e in await events.rest()] == ["6"]
        async with feed(stage, "GET", f"{path}?follow=false&after=5&limit=1") as events:
            assert [e.id for e in await events.rest()] == ["6"]


@case("17", "who asks for entries that are no longer kept is told of the gap, with the first number there is")
async def log_gap_is_told(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        for first in range(1, LOG + 81, 60):
            await journal.call("note", "x", first, 60)
        last = (LOG + 80 + 59) // 60 * 60
        first = last - LOG + 1
        found = await _entries(stage, journal, limit=1)
        assert found["first"] == first and found["events"][0]["seq"] == first, found
        path = stage.path("journal", journal.address.key, "events")
        async with feed(stage, "GET", f"{path}?follow=false", headers={"last-event-id": "3"}) as events:
            all_sent = await events.rest()
        assert all_sent[0].event == "gap" and from_json(all_sent[0].data) == {"first": first}, all_sent[0]
        assert all_sent[0].id == str(first - 1), f"a reconnect after the gap must not meet it again: {all_sent[0]}"
        entries = [from_json(e.data) for e in all_sent[1:]]
        assert [e["seq"] for e in entries] == [*range(first, last + 1)]
        assert all(e["data"]["n"] == e["seq"] for e in entries), "an entry stands in another's place"
        async with feed(stage, "GET", f"{path}?follow=false&after={first - 1}") as events:
            assert (await events.next()).id == str(first), "there is no gap right before the first"


@case("17", "a follower sees every entry once, from before it came and from after, and none of a failed tick")
async def log_is_followed_live(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        await absent(stage, "journal", journal.address.key)

        async def write() -> None:
            for first in range(1, 61, 3):
                await journal.call("note", "x", first, 3)
                await refusal(journal.call("tear", 1), "torn")

        async with asyncio.timeout(60), aclosing(journal.events()) as events:
            writing = asyncio.ensure_future(write())
            seen: list[int] = []
            async for event in events:
                if event.type == "gap":
                    continue
                assert event.kind == "x", event
                assert event.data["n"] == event.seq, event
                seen.append(event.seq)
                if event.seq == 60:
                    break
            await writing
        assert seen == [*range(1, 61)], f"missing or twice: {seen}"


@case("19", "a stream of events names its retry and is live; where there is no window it ends with what is there")
async def stream_of_events_has_a_window(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        await journal.call("note", "x", 1, 2)
        path = stage.path("journal", journal.address.key, "events")
        async with feed(stage, "GET", path) as events:
            assert [(await events.next()).id for _ in range(2)] == ["1", "2"]
            assert events.parser.retry is not None and 0 < events.parser.retry <= 10, events.parser.retry
            assert "no-store" in events.answer.headers["cache-control"], "an event stream must not be cached"
            if stage.capabilities.sse_window <= 0 or not stage.capabilities.http_stream:
                assert await events.rest() == []
                return
            await journal.call("note", "y", 3)
            event = await events.next()
            assert (event.event, event.id) == ("y", "3"), event
            async with feed(stage, "GET", f"{path}?kinds=z&after=3") as chosen:
                await journal.call("note", "y", 4)
                await journal.call("note", "z", 5)
                event = await chosen.next()
                assert (event.event, event.id) == ("z", "5"), f"not of the kinds asked for: {event}"
            assert [(await events.next()).id for _ in range(2)] == ["4", "5"]
            await stage.until(_read_by(journal, 1))

        await stage.until(_read_by(journal, 0))  # who leaves is not kept


@case("19", "a log longer than one answer may be is read to its end; an answer that can't be streamed ends before it")
async def long_logs_are_read_in_parts(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        for _ in range(4):
            await journal.call("pour", 8, 100_000)
        assert [e.seq async for e in journal.events(follow=False)] == [*range(1, 33)]
        path = stage.path("journal", journal.address.key, "events")
        async with stage.http() as http:
            answer = await http.get(f"{path}?follow=false", headers={"accept": "text/event-stream"})
        assert answer.status_code == 200
        sizes = answer.text.count("event: poured")
        if stage.capabilities.http_stream:
            assert sizes == 32 and "roost-more" not in answer.headers, (sizes, answer.headers)
        else:
            assert 10 <= sizes < 20 and answer.headers["roost-more"] == "1", (sizes, answer.headers)


def _read_by(journal: AgentHandle, count: int) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        return bool((await journal.status())["subscribers"] == count)

    return probe


@case("17", "the log of an agent that is born anew begins anew: an old reader is told so")
async def log_of_a_second_life(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        await journal.call("note", "x", 1, 5)
        await journal.destroy()
        await journal.call("note", "y", 1, 2)
        assert [e["seq"] for e in (await _entries(stage, journal))["events"]] == [1, 2]
        path = stage.path("journal", journal.address.key, "events")
        async with feed(stage, "GET", f"{path}?follow=false", headers={"last-event-id": "5"}) as events:
            all_sent = await events.rest()
        assert [e.event for e in all_sent] == ["gap", "y", "y"], all_sent


@case("17", "after a crash the log has every entry that was acknowledged, and goes on without a hole", together="state")
async def log_survives_a_crash(stage: Stage) -> None:
    key = stage.key()
    async with stage.agent("journal", key) as journal:
        await journal.call("note", "x", 1, 4)
    await stage.crash()
    async with stage.agent("journal", key) as journal:
        await journal.call("note", "x", 5, 2)
        events = (await _entries(stage, journal))["events"]
        assert [(e["seq"], e["data"]["n"]) for e in events] == [(n, n) for n in range(1, 7)]


@case("17", "a kind the stream could not carry is refused when it is recorded")
async def bad_kinds_are_refused(stage: Stage) -> None:
    async with stage.agent("journal") as journal:
        for kind in ("", "a,b", "gap", "chunk", "stream-reset", "a\nb", "x" * 65):
            await refusal(journal.call("bad_kind", kind), "agent-error")
        await absent(stage, "journal", journal.address.key)
        await journal.call("bad_kind", "é" * 64)
        assert [e["kind"] for e in (await _entries(stage, journal, kinds="é" * 64))["events"]] == ["é" * 64]


@case("17", "wrong parameters of the log are refused by name")
async def bad_log_parameters(stage: Stage) -> None:
    async with stage.http() as http:
        path = stage.path("journal", stage.key(), "events")
        for name, value in (
            ("after", "-1"), ("after", "x"), ("after", "1.0"), ("limit", "0"), ("limit", "1001"), ("limit", ""),
            ("follow", "yes"), ("after", "9" * 16),
        ):  # fmt: skip
            problem = problem_of(await http.get(path, params={name: value}), 422, "bad-parameter")
            assert repr(name) in problem["detail"], problem
        problem = problem_of(await http.get(path, headers={"last-event-id": "x"}), 422, "bad-parameter")
        assert "Last-Event-ID" in problem["detail"], problem
