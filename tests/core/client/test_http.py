from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from roost.contract.errors import AgentError, LimitExceeded, NotFound, Quarantined, Rejected, RoostError, TransientError
from roost_client import Client

from .conftest import Waits
from .fake import Fake, Seen, fails, ok, sse, until

pytestmark = pytest.mark.anyio


class Point(BaseModel):
    x: int
    at: datetime


async def test_a_call(fake: Fake, client: Client) -> None:
    fake.answers = [ok({"result": 3})]
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert await client.agent("counter", "room 1").call("increment", 2, "ü", to=Point(x=1, at=at)) == 3
    [seen] = fake.seen
    assert (seen.method, seen.segments) == ("POST", ["v1", "agents", "counter", "room 1", "call", "increment"])
    assert seen.body == {"args": [2, "ü"], "kwargs": {"to": {"x": 1, "at": "2026-01-02T00:00:00Z"}}}
    assert "idempotency-key" not in seen.headers
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("key", ["a/b", "a%2Fb", "..", ".", "?q#f", "ü 🦉", "a+b&c", "\\", "a;b", "x" * 512])
async def test_every_key_is_one_segment(fake: Fake, client: Client, key: str) -> None:
    fake.answers = [ok({})]
    await client.agent("counter", key).status()
    assert fake.seen[0].segments == ["v1", "agents", "counter", key]


async def test_what_no_url_can_name(client: Client) -> None:
    for kind, key in [("counter", ""), ("", "a"), ("counter", "\ud800")]:
        with pytest.raises(ValueError, match=r"kind and a key|surrogates"):
            client.agent(kind, key)
    with pytest.raises(ValueError, match="is no http"):
        Client("127.0.0.1:8787")
    agent = client.agent("counter", "a")
    for bad in (float("nan"), "\ud800"):
        with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
            await agent.call("increment", bad)
    for key in ("", "ü", "a b", "a\nb"):
        with pytest.raises(ValueError, match="idempotency key"):
            await agent.call("increment", idempotency_key=key)


async def test_token_headers_and_key(fake: Fake) -> None:
    fake.answers = [ok({"result": None}), ok({"id": "t1"}, 202)]
    async with Client(fake.url + "/", token="s3cret", headers={"x-tenant": "a"}) as client:
        agent = client.agent("counter", "a")
        await agent.call("increment", idempotency_key="k1")
        assert await agent.tell("note", "x", lane="urgent", delay=1.5, idempotency_key="k2", to="y") == "t1"
        assert "s3cret" not in repr(client)
    call, tell = fake.seen
    assert call.headers["authorization"] == "Bearer s3cret"
    assert (call.headers["x-tenant"], call.headers["idempotency-key"]) == ("a", "k1")
    assert tell.segments[-2:] == ["tell", "note"]
    assert tell.body == {"lane": "urgent", "delay": 1.5, "args": ["x"], "kwargs": {"to": "y"}}


async def test_arguments_of_any_name(fake: Fake, client: Client) -> None:
    fake.answers = [ok({"result": 1}), ok({"id": "t"}, 202)]
    agent = client.agent("counter", "a")
    await agent.call_with("wait", kwargs={"timeout": 3, "action": "x"})
    await agent.tell_with("wait", kwargs={"delay": 3, "lane": "x"})
    assert fake.seen[0].body["kwargs"] == {"timeout": 3, "action": "x"}
    assert fake.seen[1].body == {
        "lane": "standard",
        "delay": 0.0,
        "args": [],
        "kwargs": {"delay": 3, "lane": "x"},
    }


@pytest.mark.parametrize(
    "error",
    [
        Rejected("no such seat", code="no-seat", status=409, data={"seat": 3}),
        AgentError("the agent failed", id="e17"),
        NotFound("no such action", code="unknown-action"),
        Quarantined("stored state does not validate"),
        LimitExceeded("too many", limit="mailbox"),
        TransientError("busy", retry_after=3),
    ],
)
async def test_errors_arrive_as_they_left(fake: Fake, client: Client, error: RoostError) -> None:
    fake.answers = [fails(error)]
    with pytest.raises(RoostError) as caught:
        await client.agent("counter", "a").call("increment")
    found = caught.value
    assert (found.message, found.code, found.status) == (error.message, error.code, error.status)
    assert (found.data, found.id, found.retry_after) == (error.data, error.id, error.retry_after)
    assert isinstance(found, type(error)) or error.code in {"no-seat", "unknown-action"}


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, NotFound, "not-found"),
        (401, Rejected, "unauthorized"),
        (307, Rejected, "http-307"),
        (500, RoostError, "internal"),
        (502, TransientError, "http-502"),
    ],
)
async def test_answers_of_something_else(
    fake: Fake, client: Client, status: int, kind: type[RoostError], code: str
) -> None:
    fake.answers = [lambda _: PlainTextResponse("nginx", status), ok([])]
    with pytest.raises(kind, match="nginx") as caught:
        await client.agent("counter", "a").status()
    assert (caught.value.code, caught.value.status) == (code, max(status, 400))  # what is no error has no status
    with pytest.raises(RoostError, match="no JSON object"):
        await client.agent("counter", "a").status()
    fake.answers = [lambda _: PlainTextResponse("<html>")]
    with pytest.raises(RoostError, match="not JSON"):
        await client.openapi()


async def test_only_a_key_is_repeated(fake: Fake, stubborn: Client, client: Client, waits: Waits) -> None:
    busy = TransientError("busy", retry_after=3)
    fake.answers = [fails(busy), fails(TransientError("busy", retry_after=0.01)), ok({"result": 7})]
    assert await stubborn.agent("counter", "a").call("increment") == 7
    keys = {seen.headers["idempotency-key"] for seen in fake.seen}
    assert (len(fake.seen), len(keys)) == (3, 1)
    assert waits.seconds == [3, pytest.approx(0.15)]
    fake.answers, fake.seen[:] = [fails(busy), ok({"redriven": 1})], []
    with pytest.raises(TransientError):  # no key, no repeat
        await stubborn.agent("counter", "a").redrive()
    fake.answers = [fails(busy), ok({})]
    await stubborn.agent("counter", "a").status()  # a read
    fake.answers = [fails(busy)] * 3
    with pytest.raises(TransientError, match="busy"):
        await stubborn.agent("counter", "a").call("increment", idempotency_key="k")
    assert [seen.headers["idempotency-key"] for seen in fake.seen[-3:]] == ["k"] * 3
    fake.answers, fake.seen[:] = [fails(busy)], []
    with pytest.raises(TransientError):  # told not to
        await client.agent("counter", "a").call("increment", idempotency_key="k")
    assert len(fake.seen) == 1


async def test_a_wait_beyond_the_timeout_is_not_begun(fake: Fake, stubborn: Client, waits: Waits) -> None:
    fake.answers = [fails(TransientError("busy", retry_after=60))]
    with pytest.raises(TransientError, match="busy"):
        await stubborn.agent("counter", "a").call("increment")
    assert waits.seconds == []


async def test_timeout_and_cancel(fake: Fake, client: Client) -> None:
    released = asyncio.Event()

    async def late(_: Seen) -> Response:
        await released.wait()
        return ok({"result": 1})(_)  # type: ignore[return-value]

    fake.answers = [late, late]
    agent = client.agent("counter", "a")
    with pytest.raises(TransientError, match=r"within 0\.05 s") as caught:
        await agent.call("increment", timeout=0.05)
    assert caught.value.code == "timeout"
    task = asyncio.create_task(agent.call("increment"))
    await until(lambda: len(fake.seen) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    released.set()


async def test_nobody_there(waits: Waits) -> None:
    async with Client("http://127.0.0.1:9") as client:
        with pytest.raises(TransientError) as caught:
            await client.agent("counter", "a").call("increment")
    assert caught.value.code == "unreachable"


async def test_errors_of_the_transport() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    async with Client("http://x", transport=httpx.MockTransport(broken)) as client:
        with pytest.raises(TransientError, match="reset") as caught:
            await client.health()
    assert caught.value.code == "connection-lost"


def empty(_: Seen) -> Response:
    return Response(status_code=204)


async def test_the_rest_of_the_surface(fake: Fake, client: Client) -> None:
    agent = client.agent("counter", "a")
    state = {"state": {"count": 1}, "version": 4}
    fake.answers = [ok(state), ok(state), ok({"dead_letters": [{"id": "d"}]}), ok({"redriven": 1})]
    assert await agent.state() == {"count": 1}
    assert await agent.snapshot() == ({"count": 1}, 4)
    assert await agent.dead_letters() == [{"id": "d"}]
    assert await agent.redrive("d") == 1
    assert fake.seen[-1].body == {"id": "d"}
    fake.answers = [empty] * 4 + [ok({"schema": 1}), ok({})]
    fake.seen.clear()
    for verb in (agent.hibernate, agent.migrate, agent.reset, agent.destroy):
        await verb()
    await agent.restore(await agent.export())
    paths = [(seen.method, *seen.segments[4:]) for seen in fake.seen]
    assert paths == [
        ("POST", "hibernate"),
        ("POST", "migrate"),
        ("POST", "reset"),
        ("DELETE",),
        ("GET", "export"),
        ("PUT", "export"),
    ]
    assert fake.seen[-1].body == {"schema": 1}
    document: dict[str, Any] = {"kind": "counter", "key": "a", "version": 4, "letters": [{}, {}]}
    fake.answers = [empty]
    await agent.destroy(document)
    assert fake.seen[-1].method == "DELETE" and fake.seen[-1].query == {"version": "4", "letters": "2"}
    wrong: dict[str, Any]
    for wrong in ({}, {**document, "key": "b"}, {**document, "version": "4"}, {**document, "letters": None}):
        with pytest.raises(ValueError, match="no export of counter/a"):
            await agent.destroy(wrong)
    fake.answers = [ok({"status": "ok"}), ok({"openapi": "3.1.0"})]
    assert (await client.health(), await client.openapi()) == ({"status": "ok"}, {"openapi": "3.1.0"})


async def test_agents_are_paged(fake: Fake, client: Client) -> None:
    def row(key: str) -> dict[str, Any]:
        return {"kind": "counter", "key": key, "version": 1}

    fake.answers = [
        ok({"agents": [row("a"), row("b")], "cursor": "c/1"}),
        ok({"agents": [row("c")], "cursor": None}),
    ]
    found = [row["key"] async for row in client.agents(kind="counter", prefix="ü/", limit=2)]
    assert found == ["a", "b", "c"]
    assert [seen.query.get("cursor") for seen in fake.seen] == [None, "c/1"]
    assert fake.seen[1].query["prefix"] == "ü/"


def chunk(value: Any, i: int = 0) -> str:
    return f"id: t.1.{i}\nevent: chunk\ndata: {json.dumps(value)}\n\n"


RESULT = 'event: result\ndata: {"result": "done"}\n\n'
RESET = "event: stream-reset\ndata: {}\n\n"


async def test_a_stream(fake: Fake, client: Client) -> None:
    fake.answers = [sse(RESET, chunk(1), chunk({"a": "x\u2028y"}), RESULT)]
    stream = client.agent("counter", "a").stream("count", 5, idempotency_key="k")
    assert [chunk async for chunk in stream] == [1, {"a": "x\u2028y"}]
    assert stream.result == "done"
    assert fake.seen[0].headers["accept"] == "text/event-stream"
    assert fake.seen[0].headers["idempotency-key"] == "k"


async def test_streams_that_end_badly(fake: Fake, stubborn: Client) -> None:
    agent = stubborn.agent("counter", "a")
    error = f"event: error\ndata: {json.dumps({'code': 'agent-error', 'status': 500, 'detail': 'boom'})}\n\n"
    cases: list[tuple[tuple[str, ...], str]] = [
        ((chunk(1), error), "agent-error"),
        ((chunk(1),), "connection-lost"),
        ((chunk(1), RESET, chunk(1), RESULT), "stream-reset"),
    ]
    for parts, code in cases:
        fake.answers = [fails(TransientError("busy", retry_after=0.01)), sse(*parts)]
        got: list[Any] = []

        async def read(got: list[Any]) -> None:
            async for one in agent.stream("count"):
                got.append(one)  # noqa: PERF401 (the ones before the error count)

        with pytest.raises(RoostError) as caught:
            await read(got)
        assert (got, caught.value.code) == ([1], code)


async def test_leaving_a_stream(fake: Fake, client: Client) -> None:
    over = asyncio.Event()
    fake.answers = [sse(chunk(1), wait=over), sse(chunk(1), wait=over), ok({"result": 5})]
    agent = client.agent("counter", "a")
    async with agent.stream("count") as stream:
        async for _ in stream:
            break
    with pytest.raises(TransientError) as caught:
        [one async for one in agent.stream("count", timeout=0.05)]
    assert caught.value.code == "timeout"
    stream = agent.stream("plain")  # an action that does not stream
    assert ([one async for one in stream], stream.result) == ([], 5)
    over.set()
