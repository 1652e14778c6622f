"""What leaves after a commit, in its order."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import from_json

from roost import Agent, action
from roost.contract.commit import Commit, Frame, Row, Snapshot
from roost.contract.result import TickResult
from roost.engine.chunks import flush
from roost.engine.release import publish
from roost.tick.image import Image
from tests.core.rig import Bench

pytestmark = pytest.mark.anyio


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    @action
    async def add(self) -> None:
        self.state.count += 1


def watched(bench: Bench) -> Image:
    rows = tuple(Row(cid, cid, 1.0, None, None) for cid in ("a", "b"))
    return Image(Snapshot(bench.address, version=1, state=b'{"count":1}', connections=rows))


def shown(bench: Bench) -> list[tuple[tuple[str, ...], Any]]:
    return [(frame.to, from_json(frame.data)) for frames, _ in bench.wire.sent for frame in frames]


def of(image: Image, state: bytes | None) -> Commit:
    commit = image.next_commit(5.0)
    commit.state = state
    image.plan(commit)
    image.apply(commit)
    return commit


async def test_the_state_the_frames_then_the_reply() -> None:
    bench = Bench(Counter)
    image = watched(bench)
    one = bench.run(bench.call("add", cid="a", rpc="7"), image)
    one.tick.frames.append(Frame(("b",), b'"sent"'))
    await publish(one, of(image, b'{"count":2}'), TickResult("value", b"null", version=2))
    assert [(to, found if isinstance(found, str) else found["type"]) for to, found in shown(bench)] == [
        (("a", "b"), "cf_agent_state"),
        (("b",), "sent"),
        (("a",), "rpc"),
    ]
    assert bench.wire.sent[0][1] == 2 and len(bench.wire.sent) == 1 and len(bench.results) == 1


async def test_who_sent_the_state_is_not_told() -> None:
    bench = Bench(Counter)
    image = watched(bench)
    one = bench.run(bench.call("add"), image)
    one.tick.origin = "a"
    await publish(one, of(image, b'{"count":2}'), TickResult("value"))
    assert [to for to, _ in shown(bench)] == [("b",)]


async def test_a_failed_run_leaves_its_reply_alone() -> None:
    bench = Bench(Counter)
    one = bench.run(bench.call("add", cid="a", rpc="7"), watched(bench))
    await publish(one, None, TickResult("value"))
    assert [to for to, _ in shown(bench)] == [("a",)]


async def test_the_alarm_is_set_when_it_changed() -> None:
    bench = Bench(Counter)
    image = watched(bench)
    one = bench.run(bench.call("add"), image)
    commit = of(image, None)
    commit.armed = 50.0
    await publish(one, commit, TickResult("value"))
    await publish(one, commit, TickResult("value"))
    assert bench.alarms.armed == [50.0]


def unsure_of(_: object) -> bool:
    return True


async def test_a_stream_whose_chunks_were_not_sent_does_not_end_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its host could not be sure of the agent when a chunk was made, and was when the call ended."""
    bench = Bench(Counter)
    image = watched(bench)
    one = bench.run(bench.call("add", cid="a", rpc="7"), image)
    one.live(b"1")
    with monkeypatch.context() as unsure:
        unsure.setattr(type(one.cell), "overtaken", unsure_of)
        await flush(one.cell)
    one.live(b"2")
    await publish(one, of(image, b'{"count":2}'), TickResult("value", b"null", version=2))
    error = bench.results[0].error
    assert error is not None and error.code == "stream-reset"
    assert [found.get("success") for _, found in shown(bench) if found["type"] == "rpc" and "error" in found] == [False]
    again = bench.run(bench.call("add", cid="a", rpc="8"), image)
    await publish(again, of(image, b'{"count":3}'), TickResult("value", b"null", version=3))
    assert bench.results[1].error is None, "the next one is whole"
