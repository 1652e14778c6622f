"""What waits keeps its time: letters their back-off through a restart, runs that wait in a circle out of step; and
letters that are redriven are seen, whatever becomes of the answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roost import Agent, App, Retry, action
from roost.contract.address import Address
from roost.contract.errors import TransientError
from roost.testing import World, world

pytestmark = pytest.mark.anyio
NEXT = {"a": "b", "b": "c", "c": "a"}
RUNS: list[tuple[str, float]] = []
BROKEN: set[str] = set()


class Circle(Agent):
    """Each asks the next one, once all three have begun."""

    @action
    async def begin(self) -> None:
        self.tell(self.go)

    async def go(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)
        await self.agent(Circle, NEXT[self.key]).hear()
        self.record("heard")

    @action
    async def hear(self) -> None: ...

    @action(retry=Retry(attempts=3, first=60.0))
    async def work(self) -> None:
        RUNS.append((self.key, self.now.timestamp()))
        if self.key in BROKEN:
            raise ValueError("not yet")

    @action
    async def soon(self) -> None:
        self.tell(self.work)


@pytest.fixture(autouse=True)
def fresh() -> None:
    RUNS.clear()
    BROKEN.clear()


async def heard(w: World, key: str) -> int:
    return len(await w.events(Circle, key))


@pytest.mark.parametrize("seed", range(5))
async def test_runs_that_ask_in_a_circle_come_through(seed: int) -> None:
    async with world(App([Circle]), seed=seed) as w:
        await asyncio.gather(*(w.agent(Circle, key).begin() for key in NEXT))
        for _ in range(10):
            await w.advance(minutes=1)
        assert [await heard(w, key) for key in NEXT] == [1, 1, 1], "they meet again and again"


@pytest.mark.parametrize("ended", ["hibernate", "crash"])
async def test_a_letter_keeps_its_back_off_through_a_restart(ended: str) -> None:
    BROKEN.add("a")
    async with world(App([Circle])) as w:
        await w.agent(Circle, "a").soon()
        await w.advance(seconds=1)
        assert len(RUNS) == 1
        for _ in range(3):
            await (w.hibernate(Circle, "a") if ended == "hibernate" else w.crash())
            await w.agent(Circle, "a").hear()
            await w.advance(seconds=5)
        assert len(RUNS) == 1, "it was tried again before its time"
        BROKEN.clear()
        await w.advance(minutes=1)
        assert len(RUNS) == 2 and RUNS[1][1] - RUNS[0][1] >= 60


async def test_redriven_letters_are_seen_when_the_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Address("circle", "a")
    BROKEN.add("a")
    async with world(App([Circle])) as w:
        await w.agent(Circle, "a").soon()
        await w.advance(minutes=10)
        assert len(RUNS) == 3 and len(await w.store.dead(there, 0, 10)) == 1
        BROKEN.clear()
        await w.agent(Circle, "a").hear()  # it is awake, and has read its mailbox
        arm = w.store.arm

        async def unheard(*given: Any) -> None:
            monkeypatch.setattr(w.store, "arm", arm)
            raise TransientError("the store did not answer", code="store")

        monkeypatch.setattr(w.store, "arm", unheard)
        with pytest.raises(TransientError):
            await w.backend.runtime.redrive(there, None)
        await w.agent(Circle, "a").hear()
        await w.advance(seconds=10)
        assert len(RUNS) == 4, "the letter waits, and nobody knows of it"
