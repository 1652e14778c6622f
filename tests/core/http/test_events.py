"""The event log as a stream, under a virtual clock: order, resumption, gaps, windows, filters."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from roost import App, Limits
from roost.contract.address import Address
from roost.contract.trigger import Call, Trigger
from roost.engine.subscribers import QUEUE

from .rig import ADMIN, AGENTS, Rig, Sent, kinds, parse, refused, rig

pytestmark = pytest.mark.anyio
EVENTS = "/v1/agents/counter/a/events"


class Reader:
    """A reader of the stream: what it has been sent so far."""

    def __init__(self) -> None:
        self.raw = b""
        self.status = 0
        self.ended = False
        self.gone = asyncio.Event()
        self.flow = asyncio.Event()
        """Cleared: it takes nothing, so the server can't send."""
        self.flow.set()

    @property
    def events(self) -> list[Sent]:
        return parse(self.raw.decode())

    def seqs(self) -> list[int]:
        return [e.data["seq"] for e in self.events if e.event != "gap" and "seq" in e.data]


@asynccontextmanager
async def follow(r: Rig, query: str = "", **headers: str) -> AsyncGenerator[Reader, None]:
    """Open the stream; the reader leaves at the end."""
    reader = Reader()
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await reader.gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            reader.status = message["status"]
        else:
            await reader.flow.wait()
            reader.raw += message["body"]
            reader.ended = not message.get("more_body", False)

    scope = {
        "type": "http", "method": "GET", "path": EVENTS, "raw_path": EVENTS.encode(), "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    task = asyncio.create_task(r.surface(scope, receive, send))
    await r.world.settle()
    try:
        yield reader
    finally:
        reader.gone.set()
        await r.world.settle()
        assert task.done()
        await task
        assert not r.runtime.subscribers


async def test_the_backlog_then_what_happens() -> None:
    async with rig() as r:
        await r.call("increment")
        await r.call("increment")
        async with follow(r) as reader:
            assert reader.status == 200
            assert reader.raw.startswith(b"retry: 1000\n\n")
            assert reader.seqs() == [1, 2]
            assert reader.events[1] == Sent("counted", {"seq": 2, "kind": "counted", "data": 2, "at": r.world.now}, "2")
            await r.call("increment")
            await r.world.settle()
            assert reader.seqs() == [1, 2, 3]
            assert not reader.ended
            assert (await r.http.get("/v1/agents/counter/a")).json()["subscribers"] == 1


async def test_an_agent_that_is_not_there_yet() -> None:
    async with rig() as r, follow(r) as reader:
        assert reader.events == []
        await r.call("increment")
        await r.world.settle()
        assert reader.seqs() == [1]


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("after=3", {}, [4, 5]),
        ("after=5", {}, []),
        ("", {"last_event_id": "2"}, [3, 4, 5]),
        ("after=1", {"last_event_id": "4"}, [5]),
        ("limit=2", {}, [1, 2]),
        ("limit=2&after=2", {}, [3, 4]),
        ("kinds=counted", {}, [1, 2, 5]),
        ("kinds=note,other", {}, [3, 4]),
        ("kinds=,note,", {}, [3]),
        ("kinds=none", {}, []),
    ],
)
async def test_resumption_and_filters(query: str, headers: dict[str, str], expected: list[int]) -> None:
    async with rig() as r:
        await r.call("increment")
        await r.call("increment")
        await r.call("note", "note", None)
        await r.call("note", "other", {"x": [1]})
        await r.call("increment")
        async with follow(r, query, **headers) as reader:
            assert reader.seqs() == expected
            assert reader.ended == ("limit" in query)
        given = {"accept": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer = await r.http.get(f"{EVENTS}?{query}", headers=given)
        assert [e["seq"] for e in answer.json()["events"]] == expected
        assert answer.json()["first"] == 1
        answer = await r.http.get(f"{EVENTS}?{query}&follow=false", headers={**given, "accept": "*/*"})
        assert [e.data["seq"] for e in parse(answer.text)] == expected


async def test_what_is_older_than_retention_is_a_gap() -> None:
    async with rig(App(AGENTS, limits=Limits(log=3))) as r:
        for _ in range(5):
            await r.call("increment")
        async with follow(r, "after=1") as reader:
            gap, *rest = reader.events
            assert gap == Sent("gap", {"first": 3}, "2")
            assert [e.id for e in rest] == ["3", "4", "5"]
        async with follow(r, "after=2") as reader:
            assert reader.seqs() == [3, 4, 5]
        answer = await r.http.get(f"{EVENTS}?after=1", headers={"accept": "application/json"})
        assert answer.json()["first"] == 3


async def test_a_new_life_of_the_agent_is_a_gap() -> None:
    async with rig() as r:
        for _ in range(3):
            await r.call("increment")
        async with follow(r) as reader:
            await r.world.advance(seconds=1)
            await r.http.delete("/v1/agents/counter/a", headers=ADMIN)
            await r.world.advance(seconds=1)
            await r.call("increment")
            await r.world.settle()
            assert reader.events[-2] == Sent("gap", {"first": 1}, "0")
            assert reader.seqs() == [1, 2, 3, 1]
            await r.call("increment")
            await r.world.settle()
            assert reader.seqs() == [1, 2, 3, 1, 2]
        async with follow(r, "after=3") as reader:
            assert kinds(reader.events) == ["gap", "counted", "counted"]


async def test_the_window_closes_and_heartbeats_come_before() -> None:
    async with rig() as r:
        await r.call("increment")
        await r.call("note", "other")
        async with follow(r, "kinds=counted") as reader:
            await r.world.advance(seconds=14.9)
            assert b":\n" not in reader.raw
            await r.world.advance(seconds=0.2)
            assert reader.raw.endswith(b":\n\nid: 2\n\n")  # what it need not ask for again
            await r.world.advance(seconds=34.8)
            assert reader.raw.count(b":\n\nid: 2\n\n") == 3
            assert not reader.ended
            await r.world.advance(seconds=0.2)
            assert reader.ended


async def test_chunks_are_live_and_keep_the_last_number(gate: asyncio.Event) -> None:
    async with rig() as r:
        await r.call("increment")
        async with follow(r, "kinds=trickled") as reader:
            task = asyncio.create_task(r.call("trickle", 2))
            await r.world.settle()
            (chunk,) = reader.events
            assert (chunk.event, chunk.id, chunk.data["data"]) == ("chunk", "1", 0)
            assert re.search(r"\.1-[0-9a-f]{8}\.0\Z", chunk.data["id"]), chunk.data
            gate.set()
            assert await task == [0, 1]
            await r.world.settle()
            assert kinds(reader.events) == ["chunk", "chunk", "trickled"]
            assert [e.id for e in reader.events] == ["1", "1", "2"]
        async with follow(r) as reader:  # they are not entries
            assert kinds(reader.events) == ["counted", "trickled"]


async def test_a_slow_reader_is_brought_up_from_the_log() -> None:
    async with rig(App(AGENTS, limits=Limits(log=10 * QUEUE))) as r, follow(r) as reader:
        reader.flow.clear()
        await r.call("increment")
        await r.world.settle()
        for _ in range(QUEUE + 50):
            await r.runtime.dispatch(*_increment())
        (subscriber,) = r.runtime.subscribers[Address("counter", "a")]
        assert subscriber.lagged
        reader.flow.set()
        await r.call("increment")
        await r.world.settle()
        assert reader.seqs() == list(range(1, QUEUE + 53))


def _increment() -> tuple[Address, Any]:
    return Address("counter", "a"), Trigger("call", Call("increment"))


async def test_nothing_is_lost_or_doubled_while_others_write() -> None:
    async with rig() as r:
        writers = [asyncio.create_task(r.call("increment")) for _ in range(50)]
        async with follow(r) as reader:
            await asyncio.gather(*writers)
            await r.world.settle()
            assert reader.seqs() == list(range(1, 51))


async def test_a_drain_ends_the_stream() -> None:
    async with rig() as r, follow(r) as reader:
        await r.runtime.drain(0)
        await r.world.settle()
        assert reader.ended


async def test_a_defect_ends_the_stream(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig() as r:
        async with follow(r) as reader:

            async def broken(*_: Any) -> Any:
                raise ZeroDivisionError("the inside")

            monkeypatch.setattr(r.runtime, "snapshot", broken)
            (subscriber,) = r.runtime.subscribers[Address("counter", "a")]
            subscriber.lagged = True
            subscriber.wake()
            await r.world.settle()
            assert reader.ended
            assert b"inside" not in reader.raw
        assert "the inside" in caplog.text
        refused(await r.http.get(EVENTS), 500, "internal")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("after=-1", "after"), ("after=x", "after"), ("after=", "after"), ("after=1&after=2", "after"),
        ("after=9999999999999999", "after"), ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"),
        ("follow=yes", "follow"), ("follow=", "follow"), ("kinds=%00", "kinds"),
        ("kinds=" + ",".join(map(str, range(101))), "kinds"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_bad_parameters(query: str, name: str, accept: str) -> None:
    async with rig() as r:
        refused(await r.http.get(f"{EVENTS}?{query}", headers={"accept": accept}), 422, "bad-parameter", name)


async def test_other_refusals() -> None:
    async with rig() as r:
        answer = await r.http.get(EVENTS, headers={"last-event-id": "abc"})
        refused(answer, 422, "bad-parameter", "Last-Event-ID")
        refused(await r.http.get("/v1/agents/nothing/a/events"), 404, "unknown-kind")
        head = await r.http.head(EVENTS)
        assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream")


async def test_without_a_window_what_is_there_is_sent() -> None:
    async with rig() as r:
        await r.call("increment")
        for change in ({"sse_window": 0.0}, {"http_stream": False}):
            r.runtime.capabilities = replace(r.runtime.capabilities, **change)
            answer = await r.http.get(EVENTS)
            assert kinds(parse(answer.text)) == ["counted"]
            assert answer.text.startswith("retry: 1000\n\n")
            assert not r.runtime.subscribers
