"""Streams: chunks live, the end gated, and nothing kept of a stream that failed (rules 17, 18)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic_core import from_json

from roost.contract.errors import RoostError
from roost_client import AgentHandle

from ..case import case
from ..probes.answer import absent, problem_of, version
from ..probes.barrier import barrier
from ..probes.feed import feed
from ..probes.talk import talk
from ..stage import Stage


@case("18", "chunks of a call come while it runs; `done` comes once its commit is durable")
async def chunks_are_live_and_done_is_gated(stage: Stage) -> None:
    key = stage.key()
    async with (
        stage.agent("talker", key) as talker,
        barrier(stage) as gate,
        talk(stage, "talker", key) as ws,
        talk(stage, "talker", key) as other,
    ):
        id = await ws.ask("count", 4, gate.key)
        assert await ws.answer(id) == {"type": "rpc", "id": id, "success": True, "done": False, "result": 0}
        assert (await talker.state())["words"] == 0, "a tick that runs is visible"
        await gate.open()
        chunks, end = await ws.stream(id)
        assert chunks == [1, 2, 3] and end["success"] is True and end["done"] is True, (chunks, end)
        assert (await talker.state())["words"] == 4, "done came before the commit"
        assert (await other.next())["type"] == "cf_agent_state", "a chunk went to another connection"


@case("18", "a stream that fails ends with success: false; what its tick did is undone")
async def failing_stream_is_undone(stage: Stage) -> None:
    async with talk(stage, "talker", stage.key()) as ws:
        for after in (3, 0):
            chunks, end = await ws.stream(await ws.ask("falter", after))
            assert chunks == [*range(after)], chunks
            assert end["success"] is False and end["error"] == "I have lost the thread", end
            assert (end["code"], end["status"]) == ("lost-thread", 409), end
        chunks, end = await ws.stream(await ws.ask("nothing"))
        assert chunks == [] and end["success"] is True and end["done"] is True, "an empty stream is a good one"


@case("18", "when the commit fails after all chunks, the stream ends with success: false")
async def failing_commit_ends_the_stream(stage: Stage) -> None:
    async with stage.agent("talker") as talker, talk(stage, "talker", talker.address.key) as ws:
        chunks, end = await ws.stream(await ws.ask("swell", 300 * 1024))
        assert chunks == ["all", "said"], chunks
        assert end["success"] is False and end["code"] in {"limit-state", "limit-view"}, end
        assert (await talker.state())["ballast"] == "", "the commit that failed was kept"
        chunks, end = await ws.stream(await ws.ask("swell", 10))
        assert end["success"] is True and (await talker.state())["ballast"] == "x" * 10


@case("18", "an action that is no generator may emit on the way to its result")
async def emitted_chunks_come_before_the_result(stage: Stage) -> None:
    async with talk(stage, "talker", stage.key()) as ws, barrier(stage) as gate:
        id = await ws.ask("think", gate.key)
        assert (await ws.answer(id))["result"] == {"thought": 1}, "the chunk waited for the end"
        await gate.open()
        chunks, end = await ws.stream(id)
        assert chunks == [{"thought": 2}] and end["result"] == "decided", (chunks, end)


@case("18", "streams of several calls don't mix: each connection gets its own chunks, complete and in order")
async def streams_do_not_mix(stage: Stage) -> None:
    key = stage.key()
    async with talk(stage, "talker", key) as one, talk(stage, "talker", key) as two:
        ids = [(ws, await ws.ask("count", upto)) for upto in (20, 30) for ws in (one, two)]
        for number, (ws, id) in enumerate(ids):
            chunks, end = await ws.stream(id)
            assert chunks == [*range(20 if number < 2 else 30)] and end["done"] is True, (number, chunks, end)


@case("18", "a reader who leaves does not stop the call")
async def leaving_does_not_stop_a_stream(stage: Stage) -> None:
    async with stage.agent("talker") as talker, barrier(stage) as gate:
        async with talk(stage, "talker", talker.address.key) as ws:
            await ws.answer(await ws.ask("count", 3, gate.key))
        await gate.open()
        await stage.until(_words(talker, 3))
    async with stage.agent("talker") as talker, barrier(stage) as gate:
        path = stage.path("talker", talker.address.key, "call", "count")
        body = {"args": [3, gate.key]}
        if stage.capabilities.http_stream:
            async with feed(stage, "POST", path, json=body) as chunks:
                assert await chunks.data("chunk") == 0
            await gate.open()
        else:
            asking = asyncio.ensure_future(talker.call("count", 3, gate.key))
            await gate.arrived()
            asking.cancel()
            await gate.open()
        await stage.until(_words(talker, 3))


def _words(talker: AgentHandle, count: int) -> Callable[[], Awaitable[bool]]:
    async def probe() -> bool:
        try:
            return bool((await talker.state())["words"] == count)
        except RoostError as error:
            if error.code != "no-agent":
                raise
            return False

    return probe


@case("18", "over HTTP a stream is sent as events: chunks live with ids, then the result")
async def http_stream_sends_chunks(stage: Stage) -> None:
    async with stage.agent("talker") as talker, barrier(stage) as gate:
        path = stage.path("talker", talker.address.key, "call", "count")
        if not stage.capabilities.http_stream:
            await gate.open()
        async with feed(stage, "POST", path, json={"args": [3, gate.key]}) as events:
            first = await events.next()
            assert (first.event, first.data) == ("chunk", "0"), first
            if stage.capabilities.http_stream:
                await absent(stage, "talker", talker.address.key)  # nothing is committed yet
                await gate.open()
            rest = await events.rest()
        assert [(e.event, from_json(e.data)) for e in rest] == [
            ("chunk", 1), ("chunk", 2), ("result", {"result": None}),
        ], rest  # fmt: skip
        ids = [e.id.rsplit(".", 2) for e in (first, *rest[:2])]
        assert [i[2] for i in ids] == ["0", "1", "2"], f"ids are trigger.attempt.i: {ids}"
        assert len({(i[0], i[1]) for i in ids}) == 1 and ids[0][1].startswith("1-"), ids
        assert (await talker.state())["words"] == 3
        async with talker.stream("count", 2) as chunks:
            assert [c async for c in chunks] == [0, 1]


@case("18", "over HTTP a stream that fails says so: as a problem before the first chunk, as an event after it")
async def http_stream_failures(stage: Stage) -> None:
    key = stage.key()
    path = stage.path("talker", key, "call", "falter")
    async with stage.http() as http:
        answer = await http.post(path, json={"args": [0]}, headers={"accept": "text/event-stream"})
        assert problem_of(answer, 409, "lost-thread")["detail"] == "I have lost the thread"
        answer = await http.post(path, json={"args": ["x"]}, headers={"accept": "text/event-stream"})
        problem_of(answer, 422, "bad-arguments")
        if not stage.capabilities.http_stream:  # nothing was sent yet, so the status counts
            answer = await http.post(path, json={"args": [2]}, headers={"accept": "text/event-stream"})
            problem_of(answer, 409, "lost-thread")
            await absent(stage, "talker", key)
            return
    async with feed(stage, "POST", path, json={"args": [2]}) as events:
        all_sent = await events.rest()
    assert [e.event for e in all_sent] == ["chunk", "chunk", "error"], all_sent
    problem = from_json(all_sent[2].data)
    assert (problem["status"], problem["code"], problem["detail"]) == (409, "lost-thread", "I have lost the thread")
    await absent(stage, "talker", key)


@case("18", "who does not ask for events gets all chunks as one list, and the same list for the same key")
async def stream_as_a_list(stage: Stage) -> None:
    async with stage.agent("talker") as talker:
        assert await talker.call("count", 3, idempotency_key="k") == [0, 1, 2]
        before = await version(stage, "talker", talker.address.key)
        assert await talker.call("count", 3, idempotency_key="k") == [0, 1, 2]
        assert await version(stage, "talker", talker.address.key) == before, "the stored call ran again"
        assert await talker.call("count", 0) == []
        assert (await talker.state())["words"] == 3


@case("17", "a new attempt sends stream-reset before its chunks; a chunk's id names trigger, attempt and place")
async def new_attempt_resets_the_stream(stage: Stage) -> None:
    async with stage.agent("talker") as talker, barrier(stage) as gate:
        await talker.call("count", 1)
        path = stage.path("talker", talker.address.key, "events")
        if stage.capabilities.sse_window <= 0 or not stage.capabilities.http_stream:
            await talker.tell("recite", gate.key)
            await gate.open()
            await stage.until(_words(talker, 3))
            async with feed(stage, "GET", path) as events:
                assert [e.event for e in await events.rest()] == ["recited"], "chunks are no log entries"
            return
        async with feed(stage, "GET", path) as events:
            id = await talker.tell("recite", gate.key, idempotency_key="letter")
            seen = [await events.next() for _ in range(5)]
            await gate.open()
            while seen[-1].event != "recited":
                seen.append(await events.next())
        attempt, place = 1, 0
        for event in seen[:-1]:
            data = from_json(event.data)
            if event.event == "stream-reset":
                assert place == 2, "a reset in the middle of an attempt that went on"
                attempt, place = attempt + 1, 0
            else:
                assert event.event == "chunk" and data["data"] == ("one", "two")[place], event
                whose, run, where = data["id"].rsplit(".", 2)
                assert (whose, where) == (id, str(place)), f"{data['id']}: attempt {attempt}, chunk {place}"
                assert run.startswith(f"{attempt}-"), f"{data['id']}: attempt {attempt}"
                place += 1
            assert event.id in ("", "0"), f"the SSE id of a chunk is the last entry's number, not {event.id!r}"
        assert attempt > 1, "there was no second attempt"
        assert from_json(seen[-1].data)["seq"] == 1 and seen[-1].id == "1", seen[-1]
        assert (await talker.state())["words"] == 3, "an attempt that broke off was kept"


@case(
    "17", "a call run again after its host died streams under ids of its own: its runs can be told apart", crashes=True
)
async def runs_of_two_hosts_are_told_apart(stage: Stage) -> None:
    async with stage.agent("talker") as talker, barrier(stage) as gate:
        path = stage.path("talker", talker.address.key, "call", "count")
        body, key = {"args": [3, gate.key]}, {"idempotency-key": "k"}
        log = stage.path("talker", talker.address.key, "events")
        if not stage.capabilities.http_stream:  # nothing is sent of a run that died
            asking = asyncio.ensure_future(talker.call("count", 3, gate.key, idempotency_key="k"))
            await gate.arrived()
            asking.cancel()
            await stage.crash()
            await gate.open()
            async with feed(stage, "POST", path, json=body, headers=key) as events:
                places = [e.id.rsplit(".", 2) for e in await events.rest() if e.event == "chunk"]
            assert [x[2] for x in places] == ["0", "1", "2"] and len({x[1] for x in places}) == 1, places
            return
        async with feed(stage, "GET", log) as followed, feed(stage, "POST", path, json=body, headers=key) as events:
            dead = (await events.next("chunk")).id
            assert from_json((await followed.next("chunk")).data)["id"] == dead, "who follows sees other ids"
            await stage.crash()
        await gate.open()
        async with feed(stage, "GET", log) as followed:
            async with feed(stage, "POST", path, json=body, headers=key) as events:
                ids = [e.id for e in await events.rest() if e.event == "chunk"]
            seen = [from_json((await followed.next("chunk")).data)["id"] for _ in range(3)]
        assert seen == ids, f"who follows saw {seen}, who asked {ids}"
        runs = {id.rpartition(".")[0] for id in ids}
        assert len(ids) == 3 and len(runs) == 1, ids
        assert dead.rpartition(".")[0] not in runs, f"{dead} of the run that died, {ids} of the next"
        assert (await talker.state())["words"] == 3
