"""Jobs in worlds where anything fails: each comes to its one outcome, and what was recorded never runs again."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from random import Random
from typing import Any

import pytest

from roost import Address, App
from roost.contract.job import Claim, Claimed, EndedJob, Job
from roost.engine.jobs.carrying import Carrying
from roost.testing import world
from roost.testing.faults import Faults
from roost.testing.world import World

from .agents import ALL, Research, Tools
from .noted import RAN, Ledger

WORLDS = 24
CHUNK = 8


async def insisting(w: World, kind: type[Any], key: str, name: str, *args: Any) -> str:
    """A call until it is answered, under one id."""
    for _ in range(200):
        agent: Any = w.agent(kind, key, idempotency_key=f"{key}/{name}")
        call = asyncio.ensure_future(getattr(agent, name)(*args))
        for _ in range(40):
            await w.advance(seconds=1)
            if call.done():
                break
        if call.done() and call.exception() is None:
            return str(call.result())
        call.cancel()
    raise AssertionError(f"{name} is never answered")


async def one_world(seed: int) -> int:
    RAN.clear()
    rng = Random(seed)
    share = rng.choice([0.01, 0.04])
    faults = Faults(fail=share, lose=share, delay=share, crash=share / 2, seed=seed)
    async with world(App(ALL), seed=seed, restless=seed % 3 == 0, faults=faults) as w:
        first = await insisting(w, Research, "a", "begin", ["a", "bb", "ccc"])
        second = await insisting(w, Tools, "b", "begin")
        for _ in range(12):
            await w.advance(minutes=rng.choice([1, 5, 15]))
            if rng.random() < 0.2:
                await w.crash()
        faults.on = False
        await w.advance(hours=3)
        kept = Counter(RAN)
        found, tools = await w.job(Research, "a", first), await w.job(Tools, "b", second)
        assert found.status == tools.status == "ended", (seed, found, tools)
        assert found.error is None, (seed, found)
        assert tools.error is None, (seed, tools)
        assert (await w.state(Ledger, "x"))["total"] == 9, seed
        assert await w.state(Research, "a") == {"total": 6, "ended": [f"work one {found.outcome}"]}, seed
        assert (await w.state(Tools, "b"))["total"] == 7, seed
        assert kept["tool"] >= 3
        kinds = [e.kind for e in await w.events(Research, "a")]
        assert kinds == ["job-started", "job-ended"], seed
        return w.crashes


@pytest.mark.parametrize("first", range(0, WORLDS, CHUNK))
async def test_whatever_fails_a_job_has_one_outcome(first: int) -> None:
    crashes = 0
    for seed in range(first, first + CHUNK):
        crashes += await one_world(seed)
    assert crashes


async def test_a_job_whose_end_is_committed_after_it_was_claimed_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are gone when they are read: nothing is wrong with it."""
    caplog.set_level(logging.WARNING, "roost")
    async with world(App(ALL)) as w:
        id, address = await w.agent(Research, "a").begin(["a"]), Address("research", "a")
        await w.advance(minutes=61)
        executor, journal = w.backend.runtime.executor(), w.store.journal
        assert executor is not None
        over = await journal.job(address, id)
        assert isinstance(over, EndedJob)

        async def claim(*_: Any) -> Claimed:
            held = Claim(address, 0, id, 9, executor.owner)
            return Claimed(held, Job(over.live, claim=9, owner=executor.owner, ended=over.ended), b"{}")

        monkeypatch.setattr(journal, "claim", claim)
        caplog.clear()
        w.host.spawn(Carrying(executor, address, id).run())
        await w.advance(minutes=5)
        assert [r.getMessage() for r in caplog.records] == []
