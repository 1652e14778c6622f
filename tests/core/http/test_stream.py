"""A call answered as events."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from .rig import kinds, parse, refused, rig

pytestmark = pytest.mark.anyio
CALL = "/v1/agents/counter/a/call"
SSE = {"accept": "text/event-stream"}


@pytest.mark.parametrize("streams", [True, False])
async def test_chunks_then_the_result(streams: bool) -> None:
    async with rig() as r:
        r.runtime.capabilities = replace(r.runtime.capabilities, http_stream=streams)
        headers = {**SSE, "idempotency-key": "a key"}
        answer = await r.http.post(f"{CALL}/trickle", json={"args": [3]}, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        chunks = [f"event: chunk\nid: a key.1-RUN.{n}\ndata: {n}\n\n" for n in range(3)]
        assert re.sub(r"\.1-[0-9a-f]{8}\.", ".1-RUN.", answer.text).startswith("".join(chunks))
        assert kinds(parse(answer.text)) == ["chunk"] * 3 + ["result"]
        assert ("content-length" in answer.headers) != streams


async def test_an_action_that_does_not_stream() -> None:
    async with rig() as r:
        answer = await r.http.post(f"{CALL}/increment", headers=SSE)
        assert answer.text == 'event: result\ndata: {"result":1}\n\n'


async def test_a_stream_as_json_is_a_list() -> None:
    async with rig() as r:
        for accept in ("application/json", "*/*", "application/json, text/event-stream"):
            answer = await r.http.post(f"{CALL}/trickle", json={"args": [2]}, headers={"accept": accept})
            assert answer.json() == {"result": [0, 1]}


@pytest.mark.parametrize("streams", [True, False])
async def test_an_error_after_a_chunk_is_an_event(streams: bool) -> None:
    async with rig() as r:
        r.runtime.capabilities = replace(r.runtime.capabilities, http_stream=streams)
        answer = await r.http.post(f"{CALL}/trickle", json={"args": [1, True]}, headers=SSE)
        if not streams:  # nothing was sent yet, so its status counts
            refused(answer, 400, "halfway")
            return
        chunk, error = parse(answer.text)
        assert (chunk.event, error.event) == ("chunk", "error")
        assert error.data["code"] == "halfway"
        assert await r.frozen() == []


@pytest.mark.parametrize("streams", [True, False])
async def test_an_error_before_any_chunk_is_an_answer(streams: bool) -> None:
    async with rig() as r:
        r.runtime.capabilities = replace(r.runtime.capabilities, http_stream=streams)
        refused(await r.http.post(f"{CALL}/trickle", headers=SSE), 422, "bad-arguments", "count")
        refused(await r.http.post(f"{CALL}/trickle", json={"args": [0, True]}, headers=SSE), 400, "halfway")
        answer = await r.http.post(f"{CALL}/busy", headers=SSE)
        refused(answer, 503, "transient")
        assert answer.headers["retry-after"] == "2"
        refused(await r.http.post(f"{CALL}/missing", headers=SSE), 404, "unknown-action")


async def test_a_long_wait_has_heartbeats(gate: asyncio.Event) -> None:
    async with rig() as r:
        task = asyncio.create_task(r.http.post(f"{CALL}/slow", headers=SSE))
        await r.world.advance(seconds=16)
        gate.set()
        assert (await task).text == ':\n\nevent: result\ndata: {"result":100}\n\n'


async def test_a_cancelled_request_does_not_cancel_the_tick(gate: asyncio.Event) -> None:
    async with rig() as r:
        for headers in ({}, SSE):
            task = asyncio.create_task(r.http.post(f"{CALL}/slow", headers=headers))
            await r.world.settle()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        gate.set()
        await r.world.settle()
        assert await r.call("get") == 200
