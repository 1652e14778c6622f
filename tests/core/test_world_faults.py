"""The test kit's faults: what a user's agents can be made to go through, and what must come out all the same."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from roost import Agent, App, TransientError, action
from roost.testing import Faults, World, world
from roost.testing.faults import FAULTS, Fault

pytestmark = pytest.mark.anyio


class Sum(BaseModel):
    total: int = 0


class Till(Agent[Sum]):
    @action
    async def take(self, amount: int) -> int:
        self.state.total += amount
        self.record("took", amount)
        self.tell(self.agent(Book, "b").enter, amount)
        self.schedule(f"receipt-{self.state.total}", 5.0, self.print, amount)
        self.broadcast({"total": self.state.total})
        return self.state.total

    async def print(self, amount: int) -> None:
        self.record("printed", amount)


class Book(Agent[Sum]):
    @action
    async def enter(self, amount: int) -> None:
        self.state.total += amount


app = App([Till, Book])


async def take(w: World, amount: int, key: str) -> int:
    """What a careful client does: the same key until it is answered."""
    while True:
        call = asyncio.ensure_future(w.agent(Till, "t", idempotency_key=key).take(amount))
        while not call.done():
            await w.advance(seconds=0.5)  # a slow call needs time to pass
        try:
            return await call
        except TransientError:
            await w.advance(seconds=1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["store.load", "store.outcome", "store.commit", "store.park", "store.settle",
                                  "courier.deliver", "wire.send", "alarms.arm"])  # fmt: skip
async def test_one_fault_anywhere_changes_nothing(call: str, fault: Fault) -> None:
    async with world(app, seed=3) as w:
        await w.connect(Till, "t")
        w.faults.once(call, fault)
        assert [await take(w, 10, "first"), await take(w, 5, "second")] == [10, 15]
        await w.advance(minutes=2)
        assert w.faults.counts.total() == 1 and w.crashes == fault.startswith("crash")
        assert (await w.state(Till, "t"), await w.state(Book, "b")) == ({"total": 15}, {"total": 15})
        assert sorted(e.kind for e in await w.events(Till, "t")) == ["printed", "printed", "took", "took"]


@pytest.mark.parametrize("seed", range(8))
async def test_faults_all_the_time_change_nothing(seed: int) -> None:
    faults = Faults(fail=0.04, lose=0.04, delay=0.08, crash=0.02, seed=seed)
    async with world(app, seed=seed, faults=faults) as w:
        totals = [await take(w, 1, f"k{i}") for i in range(20)]
        w.faults.on = False
        await w.advance(minutes=10)
        assert totals == list(range(1, 21))
        assert (await w.state(Book, "b")) == {"total": 20}
        printed = [e for e in await w.events(Till, "t") if e.kind == "printed"]
        assert len(printed) == 20 and w.faults.counts.total() > 0


async def test_the_answer_of_a_commit_can_be_lost_and_is_settled() -> None:
    async with world(app) as w:
        w.faults.once("store.commit", "lose")
        assert await w.agent(Till, "t").take(1) == 1
        assert (await w.state(Till, "t")) == {"total": 1}
        await w.settle()
        w.faults.once("store.commit", "crash-after")
        with pytest.raises(TransientError):
            await w.agent(Till, "t").take(1)
        await w.settle()
        assert (await w.state(Till, "t")) == {"total": 2}  # without a key nobody can know


async def test_faults_say_what_they_did() -> None:
    seen: list[tuple[str, Fault]] = []
    faults = Faults(fail=1.0, calls=("courier.",), watch=lambda call, fault: seen.append((call, fault)))
    async with world(app, faults=faults) as w:
        assert await w.agent(Till, "t").take(1) == 1
        await w.settle()
        assert set(seen) == {("courier.deliver", "fail")}
        w.faults.on = False
        await w.advance(minutes=1)
        assert (await w.state(Book, "b")) == {"total": 1}


def test_shares_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"fail=1\.5"):
        Faults(fail=1.5)
    with pytest.raises(ValueError, match="add up"):
        Faults(fail=0.6, crash=0.6)
    with pytest.raises(ValueError, match="crash-before"):
        Faults().once("store.commit", "explode")  # type: ignore[arg-type]
