"""The pump: one after the other, until nothing waits."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from roost import Agent, action
from roost.contract.commit import Commit, Committed
from roost.hosting.memory import MemoryStore
from tests.core.rig import Bench

pytestmark = pytest.mark.anyio


class Tally(BaseModel):
    running: int = 0
    seen: list[str] = []


class Line(Agent[Tally]):
    @action
    async def go(self, name: str) -> int:
        self.state.running += 1
        await asyncio.sleep(0)
        self.state.seen.append(name)
        self.state.running -= 1
        return len(self.state.seen)


class BrokenStore(MemoryStore):
    """Has a defect, once."""

    broken = False

    async def commit(self, commit: Commit) -> Committed:
        if self.broken:
            self.broken = False
            raise ZeroDivisionError("a defect")
        done = await super().commit(commit)
        assert isinstance(done, Committed)
        return done


async def test_ticks_run_in_the_order_of_arrival() -> None:
    bench = Bench(Line)
    for name in "abc":
        bench.cell.put(bench.call("go", name))
    await bench.host.settle()
    assert [r.value for r in bench.results] == [b"1", b"2", b"3"]
    image = bench.cell.image
    assert image is not None and image.state == b'{"running":0,"seen":["a","b","c"]}'
    assert not bench.cell.pumping and bench.cell.idle


async def test_a_defect_is_an_answer_and_the_next_one_runs() -> None:
    store = BrokenStore()
    bench = Bench(Line, store)
    store.broken = True
    bench.cell.put(bench.call("go", "a"))
    bench.cell.put(bench.call("go", "b"))
    await bench.host.settle()
    first, second = bench.results
    assert first.outcome == "agent-error" and first.error is not None and "defect" not in first.error.message
    assert second.value == b"1"  # read again: nothing of the first is left


async def test_a_nap_is_between_two_ticks() -> None:
    bench = Bench(Line)
    bench.cell.put(bench.call("go", "a"))
    nap = bench.host.future()
    bench.cell.naps.append(nap)
    bench.cell.put(bench.call("go", "b"))
    await bench.host.settle()
    assert nap.done() and [r.value for r in bench.results] == [b"1", b"2"]
