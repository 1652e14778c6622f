"""Jobs that begin anew, and those that an operator holds, in a world."""

from __future__ import annotations

import asyncio
import gc

import pytest

from roost import Agent, AgentError, App, Run, action, job
from roost.contract.address import Address
from roost.contract.job import Job
from roost.testing import world
from roost.testing.world import World

from .agents import ALL, CLOCK, Patient, Slow
from .asking import OTHERS, Asking, Nightly, Parent, Rounds
from .ending import ended
from .noted import RAN, Notes


async def job_of(w: World, kind: str, id: str) -> Job:
    found = await w.store.journal.job(Address(kind, "a"), id)
    assert isinstance(found, Job)
    return found


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", range(13))
async def test_again_begins_anew_and_untaken_signals_stay(row: int, restless: bool) -> None:
    async with world(App(OTHERS), restless=restless) as w:
        if row:
            w.kill(after_row=row)
        id = await w.agent(Rounds, "a").begin(3)
        for word in ("a", "b", "c"):
            await w.signal(Rounds, "a", id, "word", word)
        found = await ended(w, Rounds, "a", id, 1)
        assert found.outcome == ["a", "b", "c"]
        assert sorted(set(RAN)) == ["1", "2", "3"]


class Grouped(Agent[Notes]):
    @action
    async def begin(self) -> str:
        return self.start(None, self.work, 3).id

    @job
    async def work(self, run: Run, left: int) -> int:
        async def round_of() -> None:
            await run.step(self.look)
            if left > 1:
                run.again(left - 1)

        async with asyncio.TaskGroup() as group:
            group.create_task(round_of())
            group.create_task(run.step(self.look))  # type: ignore[arg-type]
        return left

    async def look(self) -> None:
        RAN.append("looked")


@pytest.mark.parametrize("restless", [False, True])
async def test_again_is_said_in_a_task_group(restless: bool) -> None:
    async with world(App([Grouped]), restless=restless) as w:
        id = await w.agent(Grouped, "a").begin()
        assert (await ended(w, Grouped, "a", id, 1)).outcome == 1
        assert RAN == ["looked"] * 6


@pytest.mark.parametrize("row", range(1, 6))
async def test_a_round_whose_host_dies_leaves_no_noise(row: int, caplog: pytest.LogCaptureFixture) -> None:
    async with world(App(OTHERS)) as w:
        w.kill(after_row=row)
        id = await w.agent(Rounds, "a").begin(3)
        for word in ("a", "b", "c"):
            await w.signal(Rounds, "a", id, "word", word)
        await ended(w, Rounds, "a", id, 1)
    gc.collect()
    assert not [r for r in caplog.records if "never retrieved" in r.getMessage()]


@pytest.mark.parametrize("fault", ["lose", "crash-before", "crash-after"])
@pytest.mark.parametrize("call", ["journal.append", "journal.taken", "journal.let_go"])
async def test_a_round_is_neither_lost_nor_repeated(call: str, fault: str) -> None:
    for after in range(9):
        RAN.clear()
        async with world(App(OTHERS)) as w:
            w.faults.once(call, fault, after=after)  # type: ignore[arg-type]
            id = await w.agent(Rounds, "a").begin(3)
            for word in ("a", "b", "c"):
                await w.advance(seconds=3)
                await w.signal(Rounds, "a", id, "word", word)
            assert (await ended(w, Rounds, "a", id, 1)).outcome == ["a", "b", "c"]


async def test_again_empties_the_journal_and_closes_questions() -> None:
    async with world(App(OTHERS)) as w:
        id = await w.agent(Rounds, "a").begin(2, "ask")
        await w.advance(seconds=5)
        assert await w.questions(Rounds, "a", id) == []
        before = await job_of(w, "rounds", id)
        await w.signal(Rounds, "a", id, "word", "a")
        await w.advance(seconds=5)
        after = await job_of(w, "rounds", id)
        assert (before.run, after.run, after.live) == (1, 2, before.live)
        assert len((await w.job(Rounds, "a", id)).rows) < 4
        assert await w.backend.runtime.store.journal.questions(Address("rounds", "a"), id) == []
        await w.signal(Rounds, "a", id, "word", "b")
        assert (await ended(w, Rounds, "a", id, 1)).outcome == ["a", "b"]


async def test_again_takes_the_arguments_of_the_job_and_ends_what_is_cancelled() -> None:
    async with world(App(OTHERS)) as w:
        agent = w.agent(Rounds, "a")
        id = await agent.begin(3, "wrong")
        await w.signal(Rounds, "a", id, "word", "a")
        error = (await ended(w, Rounds, "a", id, 1)).error
        assert error is not None
        assert error.code == "bad-arguments"
        id = await agent.begin(3, "stubborn")
        await w.advance(seconds=5)
        await agent.stop()
        error = (await ended(w, Rounds, "a", id, 1)).error
        assert error is not None
        assert error.code == "cancelled"


async def test_a_held_job_does_nothing_and_keeps_its_time() -> None:
    async with world(App([*ALL, *OTHERS])) as w:
        here, journal = Address("patient", "a"), w.store.journal
        id = await w.agent(Patient, "a").begin(60)
        await w.advance(seconds=10)
        await w.backend.runtime.job_desk().hold(here, id, True)
        await w.advance(hours=1)
        assert (await job_of(w, "patient", id)).held
        assert await journal.due(here) is None
        await w.crash()
        await w.advance(hours=1)
        assert (await w.job(Patient, "a", id)).status == "waiting"
        await w.backend.runtime.job_desk().hold(here, id, False)
        await w.advance(seconds=5)
        assert (await w.job(Patient, "a", id)).outcome == "slept"


async def test_what_runs_of_a_held_job_comes_to_its_end_and_nothing_begins() -> None:
    async with world(App([*ALL, *OTHERS])) as w:
        CLOCK[:] = [w.host]
        here = Address("slow", "a")
        id = await w.agent(Slow, "a").begin_twice()
        await w.advance(seconds=10)
        await w.backend.runtime.job_desk().hold(here, id, True)
        await w.advance(seconds=600)
        found = await w.job(Slow, "a", id)
        assert (found.status, found.steps, RAN) == ("waiting", ["long"], ["began"])
        await w.backend.runtime.job_desk().hold(here, id, False)
        assert (await ended(w, Slow, "a", id, 1)).outcome == "done done"
        assert RAN == ["began", "began"]


async def test_what_is_told_to_a_held_job_waits() -> None:
    async with world(App(OTHERS)) as w:
        here = Address("asking", "a")
        id = await w.agent(Asking, "a").begin()
        await w.advance(seconds=5)
        await w.backend.runtime.job_desk().hold(here, id, True)
        await w.answer(Asking, "a", id, {"approved": True}, by="ann")
        await w.advance(hours=5)
        assert RAN == []
        await w.backend.runtime.job_desk().hold(here, id, False)
        assert (await ended(w, Asking, "a", id, 1)).outcome == "True by ann"


@pytest.mark.parametrize("restless", [False, True])
async def test_a_schedule_starts_a_job_unless_the_last_one_lives(restless: bool) -> None:
    async with world(App(OTHERS), restless=restless) as w:
        agent = w.agent(Nightly, "a")
        await agent.begin(60, ["a", "b"])
        with pytest.raises(AgentError, match="can't be scheduled or told"):
            await agent.tell_job()
        await w.advance(seconds=65)
        (live,) = await w.store.journal.jobs(Address("nightly", "a"))
        assert (live.live.key, live.live.source) == ("nightly", "schedule")
        assert (await w.backend.runtime.status(Address("nightly", "a")))["jobs"] == 1
        await w.crash()
        await w.advance(seconds=60 * 6)
        ended = (await w.state(Nightly, "a"))["ended"]
        assert set(ended) == {"nightly a b"}
        assert 2 <= len(ended) <= 4
        assert await w.backend.runtime.dead_letters(Address("nightly", "a")) == []


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", [0, 1, 3, 5, 7, 9, 11])
async def test_a_job_waits_for_another(row: int, restless: bool) -> None:
    async with world(App(OTHERS), restless=restless) as w:
        if row:
            w.kill(after_row=row)
        id = await w.agent(Parent, "a").begin([3, 0, 4000, -1])
        found = await ended(w, Parent, "a", id, 2)
        assert found.outcome == ["3", "0", "4000", "no-time", "no-job", "bad-target"]


async def test_waiting_for_a_long_job_is_rare_and_holds_nothing() -> None:
    async with world(App(OTHERS)) as w:
        id = await w.agent(Parent, "a").begin([86400.0])
        await w.advance(hours=1)
        found = await w.job(Parent, "a", id)
        assert found.status == "waiting"
        assert found.due is not None
        assert w.now < found.due <= w.now + 600
        assert len(found.rows) < 60
        await w.advance(hours=23, minutes=11)
        assert (await w.job(Parent, "a", id)).outcome == ["86400", "no-job", "bad-target"]
