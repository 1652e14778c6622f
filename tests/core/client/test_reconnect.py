from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.websockets import WebSocket

from roost.contract.errors import LimitExceeded, Quarantined, RoostError, TransientError, problem
from roost_client import Backoff, Client
from roost_client import link as link_module
from roost_client.frames import message_frame
from roost_client.outbox import Exchange, Outbox

from .conftest import Waits
from .fake import Fake, Script, hello, result, until, until_closed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def conn_client(fake: Fake, backoff: Backoff) -> Any:
    """Reconnects without real waits; makes no keys of its own."""
    async with Client(fake.url, timeout=5, backoff=backoff) as client:
        yield client


def drops_after(fake: Fake, n: int, *states: Any) -> Script:
    """Takes `n` frames, answers none, and breaks off."""

    async def script(socket: WebSocket) -> None:
        await hello(socket, *states)
        for _ in range(n):
            await fake.receive(socket)
        await socket.close(1012, "restart")

    return script


def answers(fake: Fake, *states: Any) -> Script:
    async def script(socket: WebSocket) -> None:
        await hello(socket, *states)
        try:
            while True:
                frame = await fake.receive(socket)
                if frame["type"] == "rpc":
                    await socket.send_json(result(frame, frame["args"]))
        except ConnectionError:
            pass

    return script


async def test_keyed_calls_are_sent_again(fake: Fake, conn_client: Client) -> None:
    fake.sockets = [drops_after(fake, 3, 1), answers(fake, 2)]
    async with conn_client.agent("counter", "a").connect(label="tab") as conn:
        calls = [
            asyncio.create_task(conn.call("echo", 1, idempotency_key="k1")),
            asyncio.create_task(conn.call("echo", 2)),
            asyncio.create_task(conn.call("echo", 3, idempotency_key="k3")),
        ]
        done: list[Any] = await asyncio.gather(*calls, return_exceptions=True)
        assert (done[0], done[2]) == ([1], [3])
        assert isinstance(done[1], TransientError)
        assert (done[1].code, conn.state) == ("connection-lost", 2)
    first, second = fake.frames
    assert [frame["seq"] for frame in first] == [1, 2, 3]
    assert [(frame["seq"], frame["key"]) for frame in second] == [(1, "k1"), (2, "k3")]
    assert [frame["id"] for frame in second] == [first[0]["id"], first[2]["id"]]
    assert [opened.query["_pk"] for opened in fake.opened] == ["tab", "tab"]


async def test_a_frame_that_its_server_died_with_is_sent_again(fake: Fake, conn_client: Client) -> None:
    """API Gateway says so on a socket that stays open, and names no call."""

    async def dies(socket: WebSocket) -> None:
        await hello(socket)
        for _ in range(2):
            await fake.receive(socket)
        mine = {"message": "Internal server error", "connectionId": "a=", "requestId": "b", "of": "the author's"}
        for frame in (mine, {name: mine[name] for name in ("message", "connectionId", "requestId")}):
            await socket.send_json(frame)
        await until_closed(socket)

    fake.sockets = [dies, answers(fake)]
    async with conn_client.agent("counter", "a").connect() as conn:
        calls = conn.call("echo", 1, idempotency_key="k1"), conn.call("echo", 2)
        got: tuple[Any, ...] = await asyncio.gather(*calls, return_exceptions=True)
        keyed, plain = got
        assert keyed == [1] and isinstance(plain, TransientError) and plain.code == "connection-lost"
        assert (await anext(conn.messages()))["of"] == "the author's"
    assert [len(frames) for frames in fake.frames] == [2, 1]


async def test_keys_are_automatic_with_retries(fake: Fake, stubborn: Client) -> None:
    fake.sockets = [drops_after(fake, 1), answers(fake)]
    async with stubborn.agent("counter", "a").connect() as conn:
        assert await conn.call("echo", 1) == [1]
    assert fake.frames[0][0]["key"] == fake.frames[1][0]["key"]


async def test_transient_errors_are_repeated(fake: Fake, stubborn: Client, waits: Waits) -> None:
    async def busy_once(socket: WebSocket) -> None:
        await hello(socket)
        frame = await fake.receive(socket)
        doc = problem(TransientError("busy", retry_after=3)) | {"error": "busy", "success": False}
        await socket.send_json(doc | {"type": "rpc", "id": frame["id"]})
        await socket.send_json(result(await fake.receive(socket), 7))
        await until_closed(socket)

    fake.sockets = [busy_once]
    async with stubborn.agent("counter", "a").connect() as conn:
        assert await conn.call("echo") == 7
    assert waits.seconds == [3]
    assert len({frame["key"] for frame in fake.frames[0]}) == 1


async def test_what_was_not_sent_is_flushed(fake: Fake, backoff: Backoff, waits: Waits) -> None:
    """What is asked for between two sockets waits for the next, in order; what was cancelled does not leave."""
    gate = asyncio.Event()

    async def slowly(seconds: float) -> None:
        waits.seconds.append(seconds)
        await gate.wait()

    fake.sockets = [drops_after(fake, 0), answers(fake)]
    paused = Backoff(random=backoff.random, clock=backoff.clock, sleep=slowly)
    async with (
        Client(fake.url, timeout=5, backoff=paused) as client,
        client.agent("counter", "a").connect() as conn,
    ):
        await until(lambda: bool(waits.seconds))
        send = asyncio.create_task(conn.send("m"))
        call = asyncio.create_task(conn.call("echo", 1))
        gone = asyncio.create_task(conn.call("echo", 2))
        last = asyncio.create_task(conn.call("echo", 3))
        with pytest.raises(TransientError):
            await conn.call("echo", 4, timeout=0.01)
        gone.cancel()
        gate.set()
        assert (await call, await last) == ([1], [3])
        await send
    assert [frame.get("args", frame.get("data")) for frame in fake.frames[1]] == ["m", [1], [3]]
    assert [frame["seq"] for frame in fake.frames[1]] == [1, 2, 3]


async def test_the_queue_is_bounded() -> None:
    outbox = Outbox(2)
    frame = message_frame("x", numbered=True)
    for _ in range(2):
        outbox.add(Exchange("message", frame))
    with pytest.raises(LimitExceeded) as caught:
        outbox.add(Exchange("message", frame))
    assert caught.value.limit == "unsent"


async def test_streams_and_states_are_not_sent_again(fake: Fake, conn_client: Client) -> None:
    fake.sockets = [drops_after(fake, 2), answers(fake)]
    async with conn_client.agent("counter", "a").connect() as conn:

        async def read() -> None:
            async for _ in conn.stream("count", idempotency_key="k"):
                pass

        done = await asyncio.gather(read(), conn.set_state(1), return_exceptions=True)
        assert [error.code for error in done if isinstance(error, RoostError)] == ["connection-lost"] * 2
        assert await conn.call("echo") == []
    assert [frame["type"] for frame in fake.frames[1]] == ["rpc"]


async def test_back_off(fake: Fake, conn_client: Client, waits: Waits) -> None:
    async def breaks(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(1011)

    async def lives(socket: WebSocket) -> None:
        await hello(socket)
        await fake.receive(socket)
        waits.now += link_module.SETTLED
        await socket.close(1001)

    fake.sockets = [drops_after(fake, 0), breaks, breaks, lives, answers(fake)]
    async with conn_client.agent("counter", "a").connect() as conn:
        assert await conn.call("echo", idempotency_key="k") == []
    assert waits.seconds == [pytest.approx(s) for s in (0.1, 0.15, 0.225, 0.1)]
    assert Backoff(random=lambda: 1.0).delay(100) == pytest.approx(7)
    assert Backoff().delay(100, at_least=30) == 30


async def test_refused_on_the_way_back(fake: Fake, conn_client: Client) -> None:
    async def refuse(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"type": "roost_close", "code": 4423, "problem": problem(Quarantined("broken"))})
        await socket.close(4423)

    fake.sockets = [drops_after(fake, 1), refuse]
    async with conn_client.agent("counter", "a").connect() as conn:
        with pytest.raises(Quarantined):
            await conn.call("echo", idempotency_key="k")
        with pytest.raises(Quarantined):
            await anext(conn.messages())
        assert (await conn.wait_closed()).code == 4423


async def test_a_socket_that_hears_nothing_is_given_up(
    fake: Fake, conn_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "PING", 0.05)
    fake.sockets = [answers(fake), answers(fake)]
    async with conn_client.agent("counter", "a").connect() as conn:
        await asyncio.sleep(0.2)  # pings are answered
        assert len(fake.opened) == 1
        assert await conn.call("echo", 1) == [1]

        async def deaf(*_: Any) -> asyncio.Future[float]:
            return asyncio.get_running_loop().create_future()

        monkeypatch.setattr("websockets.asyncio.client.ClientConnection.ping", deaf)
        await until(lambda: len(fake.opened) > 1)
        monkeypatch.undo()
        assert await conn.call("echo", 2) == [2]
