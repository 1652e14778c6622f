from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from starlette.responses import PlainTextResponse

from roost.contract.errors import NotFound, RoostError, TransientError
from roost_client import AgentHandle, Client, Event

from .conftest import Waits
from .fake import Fake, entry, fails, ok, sse

pytestmark = pytest.mark.anyio


async def take(agent: AgentHandle, n: int, after: int = 0) -> list[Event]:
    got: list[Event] = []
    async with aclosing(agent.events(after=after)) as events:
        async for event in events:
            got.append(event)
            if len(got) == n:
                break
    return got


async def test_what_there_is(fake: Fake, client: Client) -> None:
    fake.answers = [sse(entry(3, "note", {"a": 1}, "2026-01-02T03:04:05Z"), entry(4, "order", None, 1767323045.0))]
    events = client.agent("counter", "a").events(after=2, kinds=["note", "order"], follow=False)
    assert [event async for event in events] == [
        Event(3, "note", {"a": 1}, "3", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        Event(4, "order", None, "4", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ]
    [seen] = fake.seen
    assert seen.segments[-1] == "events"
    assert seen.query == {"after": "2", "kinds": "note,order", "follow": "false"}
    assert "last-event-id" not in seen.headers


async def test_chunks_resets_and_gaps(fake: Fake, client: Client) -> None:
    live = [
        f"event: gap\ndata: {json.dumps({'first': 5})}\n\n",
        entry(5, "note", 1),
        f"id: 5\nevent: chunk\ndata: {json.dumps({'id': 't.1.0', 'data': 'x'})}\n\n",
        f"id: 5\nevent: stream-reset\ndata: {json.dumps({'id': 't.2'})}\n\n",
    ]
    fake.answers = [sse(*live)]
    events = client.agent("counter", "a").events(follow=False)
    assert [event async for event in events] == [
        Event(4, "gap", {"first": 5}, "", type="gap"),
        Event(5, "note", 1, "5"),
        Event(5, "chunk", "x", "t.1.0", type="chunk"),
        Event(5, "stream-reset", None, "t.2", type="stream-reset"),
    ]


async def test_windows_are_rejoined(fake: Fake, stubborn: Client, waits: Waits) -> None:
    fake.answers = [
        sse("retry: 2000\n\n", entry(1, "note", 1)),
        sse(entry(2, "note", 2)),
        fails(TransientError("deploying", retry_after=7)),
        fails(TransientError("deploying", retry_after=0.01)),
        sse(),
        sse("retry: 0\n\n"),
        sse(entry(3, "note", 3)),
    ]
    got = await take(stubborn.agent("counter", "a"), 3)
    assert [event.data for event in got] == [1, 2, 3]
    assert [seen.headers.get("last-event-id") for seen in fake.seen] == [None, "1", "2", "2", "2", "2", "2"]
    assert [seen.query["after"] for seen in fake.seen] == ["0", "1", "2", "2", "2", "2", "2"]
    assert waits.seconds == [2, 2, 7, pytest.approx(0.15), 2, pytest.approx(0.1)]


async def test_a_follower_that_never_got_in(fake: Fake, client: Client) -> None:
    """Once open, a follower comes back for ever; before, it says what is wrong."""
    for error in (TransientError("deploying", retry_after=7), NotFound("no such kind")):
        fake.answers = [fails(error)]
        with pytest.raises(type(error)):
            await take(client.agent("counter", "a"), 1)


async def test_a_follower_ends_when_told(fake: Fake, stubborn: Client) -> None:
    fake.answers = [sse(entry(1, "note", 1)), fails(NotFound("destroyed"))]
    with pytest.raises(NotFound):
        await take(stubborn.agent("counter", "a"), 2)


async def test_leaving_while_open(fake: Fake, client: Client) -> None:
    over = asyncio.Event()
    fake.answers = [sse(entry(1, "note", 1), wait=over), ok({})]
    assert len(await take(client.agent("counter", "a"), 1)) == 1
    await client.agent("counter", "a").status()
    over.set()


@pytest.mark.parametrize("wire", ["event: note\ndata: [1]\n\n", "data: {\n\n", "event: gap\ndata: {}\n\n"])
async def test_what_is_no_event(fake: Fake, client: Client, wire: str) -> None:
    fake.answers = [sse(wire), lambda _: PlainTextResponse("hi")]
    for _ in range(2):
        with pytest.raises(RoostError) as caught:
            await take(client.agent("counter", "a"), 1)
        assert caught.value.code == "bad-answer"
