from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocket

from roost.contract.errors import (
    AgentError,
    LimitExceeded,
    NotFound,
    Quarantined,
    Rejected,
    RoostError,
    TransientError,
    problem,
)
from roost_client import Client, Identity

from .conftest import Waits
from .fake import Fake, hello, result, until, until_closed

pytestmark = pytest.mark.anyio


def agent(fake: Fake, states: tuple[Any, ...] = ({"count": 1},)) -> Any:
    """A socket script: says hello and answers calls and state frames."""

    async def script(socket: WebSocket) -> None:
        await hello(socket, *states)
        try:
            while True:
                frame = await fake.receive(socket)
                match frame:
                    case {"type": "rpc", "method": "fail"}:
                        error = AgentError("the agent failed", id="e1")
                        doc = problem(error) | {"error": error.message, "error_id": error.id}
                        await socket.send_json(doc | {"type": "rpc", "id": frame["id"], "success": False})
                    case {"type": "rpc", "method": "missing"}:
                        text = "Method missing does not exist"
                        await socket.send_json({"type": "rpc", "id": frame["id"], "success": False, "error": text})
                    case {"type": "rpc", "method": "count", "args": [n]}:
                        for i in range(n):
                            await socket.send_json(result(frame, i, done=False))
                        await socket.send_json(result(frame, "end"))
                    case {"type": "rpc", "method": "reset"}:
                        await socket.send_json({"type": "roost_stream_reset", "id": frame["id"]})
                        await socket.send_json(result(frame, 1, done=False))
                        await socket.send_json({"type": "roost_stream_reset", "id": frame["id"]})
                        await socket.send_json(result(frame, 2))
                    case {"type": "rpc", "method": "never"}:
                        pass
                    case {"type": "rpc"}:
                        await socket.send_json(result(frame, frame["args"]))
                    case {"type": "cf_agent_state", "state": {"count": int(n)}, "seq": seq} if n >= 0:
                        await socket.send_json({"type": "roost_ack", "seq": seq})
                        await socket.send_json({"type": "cf_agent_state", "state": {"count": n + 100}})
                    case {"type": "cf_agent_state"}:
                        await socket.send_json({"type": "cf_agent_state_error", "error": "Connection is readonly"})
                    case {"type": "roost_message", "data": data}:
                        await socket.send_json(data)
                    case bytes():
                        await socket.send_bytes(frame)
                    case str():
                        await socket.send_text(frame)
                    case _:
                        await socket.send_json(frame)
        except ConnectionError:
            pass

    return script


async def test_identity_state_and_calls(fake: Fake, client: Client) -> None:
    fake.sockets = [agent(fake)]
    async with client.agent("counter", "room 1/ü").connect({"a": "b c"}, label="tab") as conn:
        assert conn.identity == Identity("room 1", "counter", True)
        assert conn.state == {"count": 1}
        assert await conn.call("echo", 1, "x", by=2) == [1, "x"]
        assert await conn.call("echo", idempotency_key="k1") == []
        assert conn.closed is None
    assert conn.closed is not None
    assert (conn.closed.code, conn.closed.error) == (1000, None)
    [opened] = fake.opened
    assert opened.segments == ["agents", "counter", "room 1/ü"]
    assert opened.query == {"_pk": "tab", "a": "b c"}
    first, second = fake.frames[0]
    assert (first["args"], first["kwargs"], first["seq"]) == ([1, "x"], {"by": 2}, 1)
    assert "key" not in first
    assert (second["key"], second["seq"]) == ("k1", 2)
    with pytest.raises(TransientError, match="closed"):
        await conn.call("echo")


async def test_base_path_and_token(fake: Fake) -> None:
    fake.sockets = [agent(fake, ())]
    socket_url = fake.url.replace("http", "ws")
    async with (
        Client("http://127.0.0.1:9/x", token="t", base_path="/prod/", socket_url=socket_url) as client,
        client.agent("counter", "ü /").connect() as conn,
    ):
        assert conn.state is None
    [opened] = fake.opened
    assert opened.segments == ["prod"]
    assert (opened.query["agent"], opened.query["name"]) == ("counter", "ü /")
    assert opened.headers["authorization"] == "Bearer t"


async def test_errors_of_calls(fake: Fake, client: Client) -> None:
    fake.sockets = [agent(fake)]
    async with client.agent("counter", "a").connect() as conn:
        with pytest.raises(AgentError) as failed:
            await conn.call("fail")
        assert (failed.value.id, failed.value.code) == ("e1", "agent-error")
        with pytest.raises(RoostError, match="Method missing does not exist"):
            await conn.call("missing")
        with pytest.raises(TransientError) as late:
            await conn.call("never", timeout=0.05)
        assert late.value.code == "timeout"
        task = asyncio.create_task(conn.call("never"))
        await conn.call("echo")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        task = asyncio.create_task(conn.call("never"))
        await conn.call("echo")
    with pytest.raises(TransientError) as closed:
        await task
    assert closed.value.code == "connection-lost"


async def test_streams(fake: Fake, client: Client) -> None:
    fake.sockets = [agent(fake)]
    async with client.agent("counter", "a").connect() as conn:
        stream = conn.stream("count", 3)
        assert [chunk async for chunk in stream] == [0, 1, 2]
        assert stream.result == "end"
        async with conn.stream("count", 5) as left:
            async for _ in left:
                break
        with pytest.raises(TransientError) as late:
            [chunk async for chunk in conn.stream("never", timeout=0.05)]
        assert late.value.code == "timeout"
        with pytest.raises(TransientError) as void:
            [chunk async for chunk in conn.stream("reset")]
        assert void.value.code == "stream-reset"
        with pytest.raises(AgentError):
            [chunk async for chunk in conn.stream("fail")]


@pytest.mark.parametrize("numbered", [True, False])
async def test_messages_arrive_unchanged(fake: Fake, client: Client, numbered: bool) -> None:
    fake.sockets = [agent(fake)]
    sent = [{"a": 1}, "text", [1], {"seq": 9, "base64": "eA=="}]
    async with client.agent("counter", "a").connect(numbered=numbered) as conn:
        for one in sent:
            await conn.send(one)
        await conn.send(b"\x00\xff")
        got = [await anext(conn.messages()) for _ in range(5)]
    assert got == [*sent, b"\x00\xff"]
    if numbered:
        assert [frame["seq"] for frame in fake.frames[0]] == [1, 2, 3, 4, 5]
    else:
        assert fake.frames[0] == [*sent, b"\x00\xff"]
    assert [message async for message in conn.messages()] == []


async def test_set_state(fake: Fake, client: Client) -> None:
    fake.sockets = [agent(fake)]
    async with client.agent("counter", "a").connect() as conn:
        states = conn.states()
        assert await anext(states) == {"count": 1}
        await conn.set_state({"count": 2})
        assert [await anext(states) for _ in range(2)] == [{"count": 2}, {"count": 102}]
        assert conn.state == {"count": 102}
        with pytest.raises(Rejected, match="readonly") as refused:
            await conn.set_state({"count": -1})
        assert refused.value.code == "state-rejected"
        assert conn.state == {"count": 102}
    assert [state async for state in states] == []
    assert [state async for state in conn.states()] == [{"count": 102}]


async def test_set_state_unnumbered(fake: Fake, client: Client) -> None:
    """The wire of the JavaScript client has no acknowledgement: the refusal comes among the messages."""
    fake.sockets = [agent(fake)]
    async with client.agent("counter", "a").connect(numbered=False) as conn:
        await conn.set_state({"count": -1})
        assert conn.state == {"count": -1}
        assert (await anext(conn.messages()))["error"] == "Connection is readonly"
    assert fake.frames == [[{"type": "cf_agent_state", "state": {"count": -1}}]]


@pytest.mark.parametrize(
    ("frame", "kind", "code"),
    [
        ({"code": 4404, "problem": problem(NotFound("no kind", code="unknown-kind"))}, Rejected, "unknown-kind"),
        ({"code": 4423, "error": "does not validate"}, Quarantined, "quarantined"),
        ({"code": 4401, "error": "who are you"}, Rejected, "unauthorized"),
        ({"code": 4000, "error": "no"}, Rejected, "forbidden"),
    ],
)
async def test_refusals(fake: Fake, stubborn: Client, frame: dict[str, Any], kind: type[RoostError], code: str) -> None:
    async def refuse(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"type": "roost_close"} | frame)
        await socket.close(frame["code"])

    fake.sockets = [refuse]
    conn = stubborn.agent("counter", "a").connect()
    with pytest.raises(kind) as caught:
        async with conn:
            pass
    assert caught.value.code == code
    assert conn.closed is not None
    assert conn.closed.code == frame["code"]
    assert len(fake.opened) == 1
    with pytest.raises(kind):
        await conn.call("x")


async def test_a_refused_handshake(fake: Fake, stubborn: Client) -> None:
    async def refuse(socket: WebSocket) -> None:
        await socket.close()  # before accepting: HTTP 403

    fake.sockets = [refuse]
    with pytest.raises(Rejected) as caught:
        async with stubborn.agent("counter", "a").connect():
            pass
    assert caught.value.code == "forbidden"


async def test_opening_is_tried_again(fake: Fake, stubborn: Client, waits: Waits) -> None:
    async def busy(socket: WebSocket) -> None:
        await socket.accept()
        doc = problem(TransientError("deploying", retry_after=3))
        await socket.send_json({"type": "roost_close", "code": 1013, "problem": doc})
        await socket.close(1013)

    async def bare(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"type": "roost_close", "code": 1013, "error": "busy"})
        await socket.close(1013)

    async def breaks(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(1011)

    fake.sockets = [busy, breaks, agent(fake)]
    async with stubborn.agent("counter", "a").connect() as conn:
        assert await conn.call("echo") == []
    assert waits.seconds == [3, pytest.approx(0.15)]
    fake.sockets = [bare, agent(fake)]
    async with stubborn.agent("counter", "a").connect():
        assert waits.seconds[2:] == [1]
    fake.sockets = [breaks]
    with pytest.raises(TransientError) as caught:
        async with stubborn.agent("counter", "a").connect():
            pass
    assert caught.value.code == "connection-lost"


async def test_nobody_there_and_nobody_speaks(fake: Fake) -> None:
    async with Client("http://127.0.0.1:9") as client:
        with pytest.raises(TransientError) as caught:
            async with client.agent("counter", "a").connect():
                pass
        assert caught.value.code == "unreachable"

    async def silent(socket: WebSocket) -> None:
        await socket.accept()
        await until_closed(socket)

    fake.sockets = [silent]
    async with Client(fake.url, timeout=0.1) as client:
        with pytest.raises(TransientError, match="name itself") as caught:
            async with client.agent("counter", "a").connect():
                pass
        assert caught.value.code == "timeout"
    async with Client(fake.url) as client:
        task = asyncio.create_task(client.agent("counter", "a").connect().__aenter__())
        await until(lambda: len(fake.opened) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_server_ends_it(fake: Fake, stubborn: Client) -> None:
    async def kick(socket: WebSocket) -> None:
        await hello(socket, 1)
        await socket.send_json("bye")
        await fake.receive(socket)
        await socket.close(4001, "kicked")

    fake.sockets = [kick]
    async with stubborn.agent("counter", "a").connect() as conn:
        with pytest.raises(TransientError, match="4001 kicked"):
            await conn.call("echo")
        closed = await conn.wait_closed()
        assert (closed.code, closed.reason) == (4001, "kicked")
        assert [message async for message in conn.messages()] == ["bye"]
    assert len(fake.opened) == 1


async def test_frames_too_large(fake: Fake, client: Client) -> None:
    async def strict(socket: WebSocket) -> None:
        await hello(socket)
        await fake.receive(socket)
        await socket.close(1009)

    fake.sockets = [strict, agent(fake)]
    async with client.agent("counter", "a").connect() as conn:
        with pytest.raises(LimitExceeded) as caught:
            await conn.call("echo", "x" * 50_000, idempotency_key="k")
        assert caught.value.limit == "message_in"
        assert await conn.call("echo") == []
