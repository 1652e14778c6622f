"""Two hosts of one job: whoever lost it writes nothing, and stops what it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from roost import App, TransientError
from roost.engine.jobs.carrying import Carrying
from roost.engine.jobs.executor import Executor
from roost.hosting.resident import Resident
from roost.journal import Journal
from roost.testing import world
from roost.testing.peer import WorldWire
from roost.testing.world import WORLD, NoFetch, World

from .agents import ALL, CLOCK, Slow
from .noted import RAN


@asynccontextmanager
async def two_hosts() -> AsyncGenerator[tuple[World, Resident], None]:
    """A world, and a second host that does not know it."""
    async with world(App(ALL)) as w:
        executor_of(w.backend).sole = False
        CLOCK[:] = [w.host]
        yield w, second(w)


def executor_of(backend: Resident) -> Executor:
    found = backend.runtime.executor()
    assert found is not None
    return found


def only(w: World) -> Carrying:
    (found,) = executor_of(w.backend).carried.values()
    return found


def deaf(carrying: Carrying) -> None:
    """Its host looks for no more jobs."""
    carrying.executor.look = lambda address: None  # type: ignore[method-assign]


def replaced(carrying: Carrying, journal: Journal, **own: Any) -> None:
    carrying.journal = cast("Journal", Instead(journal, **own))


class Instead:
    """A journal with methods of a test's own."""

    def __init__(self, journal: Any, **own: Any) -> None:
        self.journal = journal
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)


def second(w: World) -> Resident:
    other = Resident(App(ALL), w.store, WorldWire(), NoFetch(None), w.host, WORLD)
    executor_of(other).sole = False
    return other


async def test_a_host_that_cannot_renew_stops_its_steps_before_another_begins() -> None:
    async with two_hosts() as (w, other):
        id = await w.agent(Slow, "a").begin()
        await w.advance(seconds=5)
        assert RAN == ["began"]
        journal = w.backend.runtime.store.journal

        async def renew(*given: Any) -> Any:
            raise TransientError("the store is away")

        carrying = only(w)
        parts: dict[str, Any] = {name: getattr(journal, name) for name in dir(journal) if name[0] != "_"}
        carrying.journal = cast(Journal, SimpleNamespace(**{**parts, "renew": renew}))
        deaf(carrying)
        await w.advance(seconds=26)
        assert RAN == ["began", "stopped"]
        assert not executor_of(w.backend).carried
        other.start()
        await w.advance(seconds=10)
        assert RAN == ["began", "stopped", "began"]
        await w.advance(minutes=20)
        found = await w.job(Slow, "a", id)
        assert (found.status, found.outcome, RAN) == ("ended", "done", ["began", "stopped", "began"])
        other.halt()


async def test_a_row_that_comes_late_counts_for_nothing() -> None:
    async with two_hosts() as (w, other):
        id = await w.agent(Slow, "a").begin()
        await w.advance(seconds=5)
        carrying = only(w)
        stall = asyncio.Event()
        journal, said = w.backend.runtime.store.journal, list[bool]()

        async def renew(*given: Any) -> Any:
            await stall.wait()

        async def append(*given: Any, **more: Any) -> bool:
            await stall.wait()
            said.append(await journal.append(*given, **more))
            return said[-1]

        replaced(carrying, journal, renew=renew, append=append)
        deaf(carrying)
        await w.advance(seconds=35)
        other.start()
        await w.advance(minutes=20)
        found = await w.job(Slow, "a", id)
        assert (found.status, found.outcome) == ("ended", "done")
        stall.set()
        await w.advance(seconds=5)
        assert not executor_of(w.backend).carried
        assert True not in said
        assert (await w.state(Slow, "a"))["ended"] == ["done"]
        other.halt()


async def test_a_host_that_lives_keeps_its_job() -> None:
    async with two_hosts() as (w, other):
        id = await w.agent(Slow, "a").begin()
        await w.advance(seconds=5)
        other.start()
        await w.advance(minutes=5)
        assert RAN == ["began"]
        assert (await w.job(Slow, "a", id)).status == "running"
        other.halt()
