"""A tick alone: what a handler records becomes one commit, or nothing."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from roost import Agent, AgentError, LimitExceeded, action
from roost.contract.commit import Frame, Put, Row, Schedule, Unschedule
from tests.core.rig import tick_of


class Note(BaseModel):
    text: str = ""


class Pad(Agent[Note]):
    @action
    async def x(self) -> None:
        pass


STORED = b'{"text":""}'


def test_the_commit_is_made_on_what_is_stored() -> None:
    tick = tick_of(Pad, version=4, generation=2, fence=9, state=STORED, seq=3, sgen=5)
    commit = tick.commit(b'{"text":"a"}')
    assert (commit.generation, commit.base, commit.version, commit.fence) == (2, 4, 5, 9)
    assert (commit.seq, commit.sgen, commit.released, commit.at) == (3, 5, 4, 100.0)


def test_all_effects_are_in_one_commit() -> None:
    tick = tick_of(Pad, state=STORED, seq=3)
    assert not tick.touched
    tick.put("k", 1)
    tick.record("made", {"n": 1})
    tick.schedule("s", 5.0, "x", (), {})
    commit = tick.commit(None)
    assert tick.touched
    assert commit.kv == (Put("k", b"1"),)
    assert [(e.seq, e.kind) for e in commit.log] == [(4, "made")] and commit.seq == 4
    assert [type(s) for s in commit.schedules] == [Schedule] and commit.sgen == 1


def test_a_tick_that_is_over_records_nothing() -> None:
    tick = tick_of(Pad, state=STORED)
    tick.open = False
    over = pytest.raises(AgentError, match="the tick is over")
    with over:
        tick.put("k", 1)
    with over:
        tick.record("x", None)
    with over:
        tick.send(("c",), "x")


def test_what_failed_is_forgotten() -> None:
    tick = tick_of(Pad, state=STORED, sgen=2)
    tick.put("k", 1)
    tick.schedule("s", 5.0, "x", (), {})
    tick.send(("c",), "x")
    tick.discard()
    assert not tick.touched and not tick.frames and tick.sgen == 2 and not tick.open


def test_the_same_schedule_again_changes_nothing() -> None:
    first = tick_of(Pad, state=STORED)
    first.schedule("s", 5.0, "x", (), {})
    (row,) = first.commit(None).schedules
    assert isinstance(row, Schedule)
    again = tick_of(Pad, state=STORED, schedules=(row,))
    assert again.unschedule("s") and not again.unschedule("other")
    assert again.commit(None).schedules == (Unschedule("s"),)


def test_frames_go_to_the_connections_of_this_moment() -> None:
    rows = tuple(Row(cid, cid, at, None, None) for cid, at in (("b", 2.0), ("a", 1.0)))
    tick = tick_of(Pad, state=STORED, connections=rows)
    tick.broadcast("hi", "b")
    assert [r.cid for r in tick.connections()] == ["a", "b"]
    assert tick.frames == [Frame(("a",), b"hi", False)]


def test_one_tick_writes_so_much() -> None:
    tick = tick_of(Pad, state=STORED)
    for n in range(tick.limits.commit_operations + 1):
        tick.puts[str(n)] = b"1"
    with pytest.raises(LimitExceeded) as refused:
        tick.commit(None)
    assert refused.value.limit == "commit_operations"
