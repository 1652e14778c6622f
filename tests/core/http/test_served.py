"""Behind a real server: what arrives when, who leaves, who sends too much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from roost.ports import Capabilities
from roost_client import Client

from .rig import TOKEN, Served, kinds, parse, refused, served

pytestmark = pytest.mark.anyio
AGENT = "/v1/agents/counter/a"


class Raw:
    """A connection on which bytes are written and read as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, s: Served) -> Raw:
        return cls(*await asyncio.open_connection("127.0.0.1", s.port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def until(self, text: bytes) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(text)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


def request(method: bytes, path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"%b %b HTTP/1.1" % (method, path), b"host: x", *headers]
    if body:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


async def test_calls_over_one_connection() -> None:
    async with served() as s:
        for expected in (1, 2, 3):
            answer = await s.http.post(f"{AGENT}/call/increment", json={"args": []})
            assert answer.json() == {"result": expected}
        raw = await Raw.to(s)
        call = request(b"POST", f"{AGENT}/call/increment".encode())
        await raw.send(call * 3)  # pipelined
        for expected in (4, 5, 6):
            assert b"200 OK" in await raw.head()
            assert await raw.reader.readexactly(12) == b'{"result":%d}' % expected
        await raw.close()


async def test_chunks_arrive_as_they_are_made(gate: asyncio.Event) -> None:
    async with served() as s:
        raw = await Raw.to(s)
        body = b'{"args":[2]}'
        await raw.send(request(b"POST", f"{AGENT}/call/trickle".encode(), b"accept: text/event-stream", body=body))
        assert b"text/event-stream" in await raw.head()
        await raw.until(b"data: 0\n\n")
        gate.set()
        rest = await raw.until(b'{"result":')
        assert b"data: 1\n\n" in rest
        await raw.close()


async def test_events_arrive_as_they_happen() -> None:
    async with served() as s:
        raw = await Raw.to(s)
        await raw.send(request(b"GET", f"{AGENT}/events".encode()))
        await raw.head()
        await raw.until(b"retry: 1000\n\n")
        for seq in (1, 2):
            await s.http.post(f"{AGENT}/call/increment")
            await raw.until(b'data: {"seq":%d,' % seq)
        assert (await s.http.get(AGENT)).json()["subscribers"] == 1
        await raw.close()
        async with asyncio.timeout(5):
            while s.runtime.subscribers:  # noqa: ASYNC110 (the server notices by itself)
                await asyncio.sleep(0.005)


async def test_a_window_closes() -> None:
    async with served(capabilities=Capabilities("test", sse_window=0.2)) as s:
        await s.http.post(f"{AGENT}/call/increment")
        answer = await s.http.get(f"{AGENT}/events")
        assert answer.text.startswith("retry: 1000\n\n")
        assert kinds(parse(answer.text)) == ["counted"]
        await s.http.post(f"{AGENT}/call/increment")
        answer = await s.http.get(f"{AGENT}/events", headers={"last-event-id": parse(answer.text)[-1].id or ""})
        assert [e.data["seq"] for e in parse(answer.text)] == [2]


@pytest.mark.parametrize("accept", [b"accept: application/json", b"accept: text/event-stream"])
async def test_a_client_who_leaves_stops_nothing(gate: asyncio.Event, accept: bytes) -> None:
    async with served() as s:
        for path in ("slow", "trickle"):
            raw = await Raw.to(s)
            body = b'{"args":[3]}' if path == "trickle" else b"{}"
            await raw.send(request(b"POST", f"{AGENT}/call/{path}".encode(), accept, body=body))
            if path == "slow":
                await _pumping(s)
            elif b"event" in accept:
                await raw.until(b"data: 0\n\n")
            await raw.close()
            gate.set()
            await _quiet(s)
        assert (await s.http.get(f"{AGENT}/state")).json()["state"]["count"] == 101


async def _pumping(s: Served) -> None:
    async with asyncio.timeout(5):
        while not any(cell.pumping for cell in s.runtime.cells.values()):  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.005)


async def _quiet(s: Served) -> None:
    async with asyncio.timeout(5):
        await asyncio.sleep(0.05)
        while any(cell.pumping for cell in s.runtime.cells.values()):  # noqa: ASYNC110 (no event tells)
            await asyncio.sleep(0.005)


async def test_a_body_cut_short_runs_nothing() -> None:
    async with served() as s:
        for path in (f"{AGENT}/call/increment", f"{AGENT}/tell/increment", "/agents/counter/a"):
            raw = await Raw.to(s)
            await raw.send(request(b"POST", path.encode(), b"content-length: 100") + b'{"args":')
            await asyncio.sleep(0.02)
            await raw.close()
        await asyncio.sleep(0.05)
        assert (await s.http.get("/v1/agents")).json()["agents"] == []


@pytest.mark.parametrize("path", [f"{AGENT}/call/echo", f"{AGENT}/tell/echo", "/agents/counter/a"])
async def test_too_large_a_body_is_refused_before_it_is_read(path: str) -> None:
    async with served() as s:
        limit = s.runtime.limits.http_body
        raw = await Raw.to(s)
        await raw.send(request(b"POST", path.encode(), b"content-length: %d" % (limit + 1)))
        assert b" 413 " in await raw.head()  # not one byte of it was sent
        await raw.close()
        refused(await s.http.post(path, content=b"x" * (limit + 1)), 413, "limit-http-body", str(limit))

        sent = 0

        async def endless() -> AsyncGenerator[bytes, None]:
            nonlocal sent
            while sent < 64 * limit:
                sent += 65536
                yield b"x" * 65536

        refused(await s.http.post(path, content=endless()), 413, "limit-http-body")
        assert (await s.http.get("/v1/agents")).json()["agents"] == []


async def test_a_repeat_joins_the_run_under_way(gate: asyncio.Event) -> None:
    async with served() as s:
        key = {"idempotency-key": "once"}
        tasks = [asyncio.create_task(s.http.post(f"{AGENT}/call/slow", headers=key)) for _ in range(3)]
        await _pumping(s)
        await asyncio.sleep(0.05)
        gate.set()
        assert [(await t).json() for t in tasks] == [{"result": 100}] * 3


async def test_a_drain_ends_streams_and_refuses_calls(gate: asyncio.Event) -> None:
    async with served() as s:
        raw = await Raw.to(s)
        await raw.send(request(b"GET", f"{AGENT}/events".encode()))
        await raw.until(b"retry: 1000\n\n")
        slow = asyncio.create_task(s.http.post(f"{AGENT}/call/slow"))
        await _pumping(s)
        drain = asyncio.create_task(s.runtime.drain(5))
        await raw.until(b"0\r\n\r\n")  # the end of a chunked body
        refused(await s.http.post(f"{AGENT}/call/increment"), 503, "shutting-down")
        assert (await s.http.get("/readyz")).status_code == 503
        gate.set()
        assert (await slow).json() == {"result": 100}
        await drain
        await raw.close()


async def test_the_python_client_understands_it_all() -> None:
    async with served(capabilities=Capabilities("test", sse_window=0.2)) as s, Client(s.url, token=TOKEN) as client:
        agent = client.agent("counter", "a b/ü")
        assert await agent.call("increment", 5) == 5
        assert [chunk async for chunk in agent.stream("trickle", 3)] == [0, 1, 2]
        assert (await agent.snapshot()).version == 2
        assert [e.kind async for e in agent.events(follow=False)] == ["counted", "trickled"]
        assert [row["key"] async for row in client.agents(kind="counter", limit=1)] == ["a b/ü"]
        document = await agent.export()
        await agent.destroy()
        await agent.restore(document)
        assert (await agent.state())["count"] == 6
        assert await agent.dead_letters() == []
        assert json.loads(json.dumps(await client.openapi()))["openapi"] == "3.1.0"
        assert await client.health() == {"status": "ok"}
