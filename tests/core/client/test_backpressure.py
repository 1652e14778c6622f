from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from starlette.websockets import WebSocket

from roost.contract.errors import TransientError
from roost_client import Client
from roost_client.flow import Flow

from .fake import Fake, hello, result, until_closed

pytestmark = pytest.mark.anyio

MANY = 4_000
NOISE = Random(1)


def pad() -> str:
    """10 kB that don't compress."""
    return NOISE.randbytes(5_000).hex()


async def stalls(sent: list[int]) -> int:
    """The length of `sent` once it has stopped growing: a busy machine delays the looks as much as the work."""
    before, looks = -1, 0
    while looks < 30 or (before < 1_000 and looks < 1_000):  # what the client takes in, before it pauses
        looks = looks + 1 if len(sent) == before else 0
        before = len(sent)
        await asyncio.sleep(0.03)
    return before


async def test_a_slow_reader_of_messages_slows_the_server(fake: Fake, client: Client) -> None:
    sent: list[int] = []

    async def floods(socket: WebSocket) -> None:
        await hello(socket)
        frame = await fake.receive(socket)
        for i in range(MANY):
            await socket.send_json([i, pad()])
            sent.append(i)
        await socket.send_json(result(frame, "after"))
        await until_closed(socket)

    fake.sockets = [floods]
    async with client.agent("counter", "a").connect() as conn:
        call = asyncio.create_task(conn.call("echo", timeout=30))
        assert 1_000 <= await stalls(sent) < MANY
        with pytest.raises(TransientError, match="reading is paused"):
            await conn.call("echo", timeout=0.05)
        for i in range(MANY):
            assert (await anext(conn.messages()))[0] == i
        assert await call == "after"


async def test_slow_readers_of_states_and_chunks(fake: Fake, client: Client) -> None:
    sent: list[int] = []

    async def floods(socket: WebSocket) -> None:
        await hello(socket, -1)
        frame = await fake.receive(socket)
        for i in range(MANY):
            await socket.send_json(result(frame, [i, pad()], done=False))
            sent.append(i)
        await socket.send_json(result(frame, None))
        for i in range(MANY):
            await socket.send_json({"type": "cf_agent_state", "state": i})
            sent.append(i)
        await until_closed(socket)

    fake.sockets = [floods]
    async with client.agent("counter", "a").connect() as conn:
        stream = conn.stream("count")
        assert (await anext(stream))[0] == 0
        assert 1_000 <= await stalls(sent) < MANY
        assert [chunk[0] async for chunk in stream] == list(range(1, MANY))
        states = conn.states()
        last = await anext(states)
        while last < MANY - 1:
            state = await anext(states)
            assert state == last + 1
            last = state
        await states.aclose()


async def test_closing_while_paused(fake: Fake, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roost_client.dial.CLOSING", 60.0)  # an answer that waits for a reader would take as long
    sent: list[int] = []

    async def floods(socket: WebSocket) -> None:
        await hello(socket)
        try:
            for i in range(MANY):
                await socket.send_json([i, pad()])
                sent.append(i)
        except Exception:  # the client is gone
            return
        await until_closed(socket)

    fake.sockets = [floods]
    async with client.agent("counter", "a").connect() as conn:
        await stalls(sent)
        async with asyncio.timeout(20):
            await conn.close()
        assert len([message async for message in conn.messages()]) == 1_000


async def test_not_listening(fake: Fake, client: Client) -> None:
    async def chatty(socket: WebSocket) -> None:
        await hello(socket)
        for i in range(1_500):
            await socket.send_json([i])
        await socket.send_json(result(await fake.receive(socket), "heard"))
        await until_closed(socket)

    fake.sockets = [chatty]
    async with client.agent("counter", "a").connect(listen=False) as conn:
        assert await conn.call("echo") == "heard"


async def test_a_flow_drops_nothing_and_ends() -> None:
    flow: Flow[Any] = Flow(2)
    got: list[int] = []

    async def fill() -> None:
        for i in range(100):
            await flow.put(i)
        flow.end(ValueError("over"))
        await flow.put(100)

    task = asyncio.create_task(fill())

    async def read() -> None:
        async for item in flow:
            got.append(item)  # noqa: PERF401 (the ones before the error count)

    with pytest.raises(ValueError, match="over"):
        await read()
    await task
    assert got == list(range(100))
    empty: Flow[Any] = Flow(1)
    waiting = asyncio.create_task(anext(empty, "end"))
    await asyncio.sleep(0)
    empty.end()
    assert await waiting == "end"
