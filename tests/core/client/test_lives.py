"""A client's life: many followers, several event loops, a `break` in mid-stream, a proxy nobody meant, the end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator

import pytest
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket

from roost_client import Client, SyncClient
from roost_client.wire import is_loopback

from .fake import Answer, Fake, entry, hello, ok, sse, until_closed

FOLLOWERS = 120
CHUNK = 'event: chunk\ndata: "a"\n\n'


def endless(text: str) -> Answer:
    """A stream that sends `text` and stays open."""

    async def body() -> AsyncGenerator[bytes, None]:
        yield text.encode()
        await asyncio.sleep(60)

    return lambda seen: StreamingResponse(body(), media_type="text/event-stream")


@pytest.mark.anyio
async def test_followers_leave_room_for_calls(fake: Fake) -> None:
    fake.answers = [endless(entry(1, "note", "x"))] * FOLLOWERS + [ok({"result": 1})]
    async with Client(fake.url, timeout=5) as client:
        logs = [client.handle("room", str(n)).events() for n in range(FOLLOWERS)]
        first = await asyncio.wait_for(asyncio.gather(*(anext(log) for log in logs)), 30)
        assert len(first) == FOLLOWERS
        assert await client.handle("counter", "a").call("increment") == 1
        for log in logs:
            await log.aclose()


def test_one_client_in_several_loops(threaded: Fake) -> None:
    threaded.answers = [ok({"result": n}) for n in range(4)]
    client = Client(threaded.url, timeout=5)

    async def call() -> object:
        return await client.handle("counter", "a").call("increment")

    async def last() -> object:
        async with client:
            return await call()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [("ignore", None, ResourceWarning, None, 0)])  # left to the loop on purpose
        assert [asyncio.run(call()) for _ in range(3)] == [0, 1, 2]
        gc.collect()
        assert asyncio.run(last()) == 3
        gc.collect()
    with pytest.raises(RuntimeError, match="this client is closed: make another"):
        asyncio.run(call())


def test_a_closed_sync_client_says_so(threaded: Fake) -> None:
    with SyncClient(threaded.url, timeout=5) as client:
        pass
    with pytest.raises(RuntimeError, match="this client is closed: make another"):
        client.health()


def test_a_break_leaves_nothing_behind(threaded: Fake, caplog: pytest.LogCaptureFixture) -> None:
    threaded.answers = [endless(CHUNK * 3), endless(entry(1, "a", 1) + entry(2, "a", 2)), sse(CHUNK, CHUNK)] * 2

    async def story(client: Client) -> None:
        async for chunk in client.handle("chat", "a").stream("say"):
            assert chunk == "a"
            break
        async for event in client.handle("chat", "a").events():
            assert event.seq == 1
            break
        async for chunk in client.handle("chat", "a").stream("say"):
            assert chunk == "a"
            break

    async def closing() -> None:
        async with Client(threaded.url, timeout=5) as client:
            await story(client)

    async def leaving() -> None:
        client = Client(threaded.url, timeout=5)
        try:
            await story(client)
        finally:
            left.append(client)

    left: list[Client] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [("ignore", None, ResourceWarning, None, 0)])
        asyncio.run(closing())
        asyncio.run(leaving())
        left.clear()
        gc.collect()
    assert not caplog.records, caplog.text


@pytest.mark.anyio
async def test_no_proxy_stands_before_this_machine(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "WS_PROXY", "ws_proxy", "SOCKS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def script(socket: WebSocket) -> None:
        await hello(socket, 1)
        await until_closed(socket)

    fake.answers, fake.sockets = [ok({"result": 1})], [script]
    async with Client(fake.url, timeout=5) as client:
        assert await client.handle("counter", "a").call("increment") == 1
        async with client.handle("counter", "a").connect() as connection:
            assert connection.identity.name == "room 1"


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("a.localhost", True),
     ("10.0.0.1", False), ("localhost.example", False), ("", False)],
)  # fmt: skip
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
