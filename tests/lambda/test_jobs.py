"""Jobs on hosts that share one table: rung for, carried out by a function of their own, taken over, let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from roost.contract.address import Address
from roost.contract.job import EndedJob, Job
from roost.contract.journal import read
from roost.contract.trigger import NOTHING, Trigger
from roost.engine.jobs.hold import CLAIM
from roost_lambda.bells import JobBell
from roost_lambda.carrying import HIDDEN, LEAVE, Carried, carry
from roost_lambda.client import Client
from roost_lambda.sqs_bells import heard, job_heard, job_message, message
from roost_lambda.sweeping import its_turn, uid_of

from .faults import Faulty
from .hosts import Counter, Fleet, increment
from .workers import RAN, Worker, gate

pytestmark = pytest.mark.anyio
HERE = Address("worker", "a")


@pytest.fixture
async def fleet(dynamo: tuple[str, Client]) -> AsyncIterator[Fleet]:
    RAN.clear()
    fleet = Fleet(*dynamo, kinds=[Worker, Counter])
    fleet.start()
    yield fleet
    await fleet.stop()


async def begin(fleet: Fleet, how: str = "all") -> str:
    return str((await fleet.host().dispatch(HERE, increment(None, "begin", how))).get())


async def ended(fleet: Fleet) -> Any:
    return (await fleet.host().dispatch(HERE, increment(None, "ended"))).get()


async def found(fleet: Fleet, uid: str) -> Job | EndedJob | None:
    return await fleet.host().store.journal.job(HERE, uid)


async def kept(fleet: Fleet) -> int:
    """How many outcomes its only job has in its journal."""
    [job] = await fleet.answering.store.journal.jobs(HERE)
    rows = await fleet.answering.store.journal.rows(HERE, job.live.uid, 0)
    return sum(fact.kind == "value" for line in rows for fact in read(line.position, line.data).facts)


async def dies(fleet: Fleet, entered: asyncio.Event, outcomes: int = 0) -> None:
    """A function that takes the next message, and is killed in the step whose gate that is, once the others' outcomes
    are kept."""
    calls = Faulty(fleet.calls)
    host = fleet.host(calls)
    letter = fleet.bells.job()
    assert letter is not None
    running = asyncio.ensure_future(carry(host, letter.bell, letter, fleet.clock.monotonic() + 900))
    async with asyncio.timeout(20):
        await entered.wait()
        while await kept(fleet) < outcomes:
            """Others end yet."""
    calls.dead = True
    killed = fleet.hosts[-1]
    killed.going = True
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await killed.close()


async def test_a_job_is_started_by_a_commit_and_carried_out_by_its_own_function(fleet: Fleet) -> None:
    uid = await begin(fleet)
    assert [letter.bell.uid for letter in fleet.bells.jobs] == [uid] and not RAN, "who starts one runs no body"
    assert await fleet.carry() == 1
    assert sorted(RAN) == ["fetch 0", "fetch 1", "fetch 2"]
    [letter] = fleet.bells.jobs
    job = await found(fleet, uid)
    assert isinstance(job, Job) and job.owner == "" and job.due == letter.bell.due
    assert letter.visible == pytest.approx(job.due, abs=2)
    await fleet.settle(ahead=601)
    assert await fleet.carry() == 1
    assert await ended(fleet) == [13]
    assert isinstance(await found(fleet, uid), EndedJob)
    assert not fleet.bells.jobs, "its letter has a bell of its own"
    assert len(RAN) == 3


async def test_a_killed_function_is_replaced_when_its_message_comes_back(fleet: Fleet) -> None:
    """Within a minute; what is in the journal does not run again, what is not does."""
    await begin(fleet)
    entered, _ = gate("fetch 2")
    died = fleet.clock.now()
    await dies(fleet, entered, 2)
    [letter] = fleet.bells.jobs
    assert letter.visible - died < 60 and letter.visible > died + CLAIM
    assert sorted(RAN) == ["fetch 0", "fetch 1", "fetch 2"]
    fleet.clock.ahead += CLAIM * HIDDEN + 1
    assert await fleet.carry() == 1
    assert [RAN.count(f"fetch {n}") for n in range(3)] == [1, 1, 2]
    before = list(RAN)
    await fleet.settle(ahead=601)
    await fleet.carry()
    assert await ended(fleet) == [13] and before == RAN


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.long), 5])
async def test_wherever_its_function_dies_a_job_comes_to_its_end_once(fleet: Fleet, step: int) -> None:
    calls = Faulty(fleet.calls)
    host, n = fleet.host(calls), 0
    for n in range(1, 60, step):
        RAN.clear()
        here = Address("worker", f"dies at {n}")
        await fleet.host().dispatch(here, increment(None, "begin", "brief"))
        calls.count, calls.at, calls.fault = 0, n, ("dead-before", "dead-after")[n % 2]
        letter = fleet.bells.job()
        assert letter is not None
        running = asyncio.ensure_future(carry(host, letter.bell, letter, fleet.clock.monotonic() + 900))
        reached = asyncio.ensure_future(calls.reached.wait())
        await asyncio.wait({running, reached}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            reached.cancel()
            fleet.bells.jobs.remove(letter)
        else:
            async with asyncio.timeout(20):
                while not calls.dead:  # noqa: ASYNC110  the call itself goes out yet
                    await asyncio.sleep(0.002)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        died = calls.dead
        calls = Faulty(fleet.calls)
        host = fleet.host(calls)
        for ahead in (CLAIM * HIDDEN + 1, 62, 62, 900):  # messages come back, leases end, the sweeper rings
            await fleet.settle(ahead=ahead)
            await fleet.sweep()
            await fleet.settle()
            await fleet.carry(host)
        done = (await fleet.host().dispatch(here, increment(None, "ended"))).get()
        assert done == [7] and 1 <= len(RAN) <= 2, (n, done, RAN)
        assert not fleet.bells.jobs
        if not died:
            break
    assert 10 < n < 56, n


async def test_a_tick_of_a_job_waits_for_its_agent_wherever_that_is(fleet: Fleet) -> None:
    await begin(fleet, "brief")
    entered, free = gate("hold")
    holding = asyncio.ensure_future(fleet.host().dispatch(HERE, increment(None, "hold")))
    await entered.wait()
    carrying = asyncio.ensure_future(fleet.carry())
    async with asyncio.timeout(20):
        while await kept(fleet) < 1 or not await fleet.answering.store.parked(HERE, 0, 10):
            """The step ends, and the tick is parked."""
    free.set()
    await holding
    await carrying
    assert await ended(fleet) == [7]


async def test_a_step_that_runs_once_at_most_is_unknown_after_a_death(fleet: Fleet) -> None:
    await begin(fleet, "once")
    entered, _ = gate("pay")
    await dies(fleet, entered)
    fleet.clock.ahead += CLAIM * HIDDEN + 1
    await fleet.carry()
    assert await ended(fleet) == ["step-unknown"] and RAN == ["pay"]


async def test_a_message_that_comes_twice_is_put_back_and_another_is_spent(fleet: Fleet) -> None:
    uid = await begin(fleet, "once")
    entered, free = gate("pay")
    letter = fleet.bells.job()
    assert letter is not None
    first = asyncio.ensure_future(carry(fleet.host(), letter.bell, letter, fleet.clock.monotonic() + 900))
    await entered.wait()
    host, until = fleet.host(), fleet.clock.monotonic() + 900
    assert not await carry(host, letter.bell, letter, until), "should the first die, nobody else would come"
    job = await found(fleet, uid)
    assert isinstance(job, Job) and letter.visible == pytest.approx(job.until + 1, abs=1)
    other = await other_letter(fleet, uid)
    assert await carry(host, other.bell, other, until)
    free.set()
    assert await first
    await fleet.settle()
    assert await ended(fleet) == ["paid"] and RAN == ["pay"]


async def other_letter(fleet: Fleet, uid: str) -> Any:
    await fleet.bells.ring_job(JobBell(HERE, uid), 0.0)
    return fleet.bells.jobs.pop()


async def test_a_stale_executor_writes_nothing(fleet: Fleet) -> None:
    """Its step comes back when another has the job, and its message is left alone."""
    uid = await begin(fleet, "once")
    entered, free = gate("pay")
    letter = fleet.bells.job()
    assert letter is not None
    late = asyncio.ensure_future(carry(fleet.host(), letter.bell, letter, fleet.clock.monotonic() + 900))
    await entered.wait()
    fleet.clock.ahead += CLAIM + 1
    other = await other_letter(fleet, uid)
    assert await carry(fleet.host(), other.bell, other, fleet.clock.monotonic() + 900)
    await fleet.settle()
    free.set()
    assert not await late
    await fleet.settle()
    assert await ended(fleet) == ["step-unknown"] and RAN == ["pay"]


async def test_a_step_begins_only_if_it_fits_into_the_functions_time(fleet: Fleet) -> None:
    """Else the job is let go, and another is rung; nothing says that a step had begun."""
    for how, steps in (("all", 3), ("once", 1)):
        RAN.clear()
        uid = await begin(fleet, how)
        host, letter = fleet.host(), fleet.bells.job()
        assert letter is not None
        assert await carry(host, letter.bell, letter, fleet.clock.monotonic() + LEAVE + 99)
        fleet.bells.jobs.remove(letter)
        assert not RAN
        assert [x.bell.uid for x in fleet.bells.jobs] == [uid]
        await fleet.carry()
        assert len(RAN) == steps
        if how == "all":
            fleet.bells.jobs.clear()
    assert await ended(fleet) == ["paid"]


def fits(*_: object) -> bool:
    return True


async def test_what_runs_when_the_time_is_up_is_stopped_and_runs_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that does not end by its timeout, say."""
    await begin(fleet)
    gate("fetch 1")
    monkeypatch.setattr(Carried, "fits", fits)
    host, letter = fleet.host(), fleet.bells.job()
    assert letter is not None
    assert await carry(host, letter.bell, letter, fleet.clock.monotonic() + LEAVE + 0.5)
    fleet.bells.jobs.remove(letter)
    monkeypatch.undo()
    assert await fleet.carry() == 1
    assert (RAN.count("fetch 0"), RAN.count("fetch 1")) == (1, 2)


async def test_a_far_timer_is_early_twice_and_rings_until_its_time(fleet: Fleet) -> None:
    uid = await begin(fleet, "waits")
    assert await fleet.carry() == 1
    [letter] = fleet.bells.jobs
    due = letter.bell.due
    assert letter.visible - fleet.clock.now() > 86_400
    host, until = fleet.host(), fleet.clock.monotonic() + 900
    letter.times += 1
    assert await carry(host, letter.bell, letter, until)  # a schedule, which rings early
    assert [x.bell.due for x in fleet.bells.jobs] == [due, due]
    other = await other_letter(fleet, uid)
    other.times += 1
    assert await carry(host, other.bell, other, until), "one for another time needs no successor"
    assert len(fleet.bells.jobs) == 2
    other.times += 1
    assert await carry(host, other.bell, other, until), "whoever had it may have died before it rang"
    assert [x.bell.due for x in fleet.bells.jobs] == [due] * 3
    await fleet.settle(ahead=5 * 86_400 + 1)
    await fleet.carry()
    assert await ended(fleet) == [None]


async def test_a_cancelled_job_wakes_and_tidies_up(fleet: Fleet) -> None:
    uid = await begin(fleet, "waits")
    await fleet.carry()
    assert (await fleet.host().dispatch(HERE, increment(None, "stop", uid))).get()
    await fleet.settle()
    await fleet.carry()
    assert await ended(fleet) == ["cancelled"] and RAN == ["fetch 9"]


async def test_what_was_told_is_heard_with_the_next_row(fleet: Fleet) -> None:
    """A hold, say: the step that would follow does not begin."""
    uid = await begin(fleet, "brief")
    entered, free = gate("fetch 7")
    carrying = asyncio.ensure_future(fleet.carry())
    await entered.wait()
    await fleet.host().store.journal.hold(HERE, uid, True, fleet.clock.now())
    free.set()
    await carrying
    job = await found(fleet, uid)
    assert isinstance(job, Job) and job.held and not job.owner and not fleet.bells.jobs
    host = fleet.host()
    await host.store.journal.hold(HERE, uid, False, fleet.clock.now())
    host.runtime.look_at_jobs(HERE)
    await host.runtime.rung()
    await fleet.carry()
    assert await ended(fleet) == [7] and RAN == ["fetch 7"]


async def test_a_destroyed_agent_has_no_jobs_left(fleet: Fleet) -> None:
    await begin(fleet)
    entered, free = gate("fetch 1")
    letter = fleet.bells.job()
    assert letter is not None
    running = asyncio.ensure_future(carry(fleet.host(), letter.bell, letter, fleet.clock.monotonic() + 900))
    await entered.wait()
    await fleet.host().dispatch(HERE, Trigger("destroy", NOTHING, source="admin"))
    free.set()
    assert not await running, "it learns it as it writes"
    fleet.clock.ahead += 60
    assert await fleet.carry() == 1
    assert not fleet.bells.jobs and not await fleet.sweep()


async def test_the_sweeper_rings_for_a_job_whose_bell_was_lost(fleet: Fleet) -> None:
    uid = await begin(fleet, "once")
    fleet.bells.jobs.clear()
    assert await fleet.sweep() == 0
    fleet.clock.ahead += 62
    assert await fleet.sweep() == 1
    assert [x.bell.uid for x in fleet.bells.jobs] == [uid]
    await fleet.carry()
    assert await ended(fleet) == ["paid"]
    fleet.clock.ahead += 62
    assert await fleet.sweep() == 0


async def test_what_can_not_wake_is_rung_for_ever_less_often() -> None:
    assert all(its_turn(age, 60.0 * n) for n, age in enumerate((60, 120, 599)))
    assert sum(its_turn(5000.0, 60.0 * n) for n in range(100)) == 20


async def test_a_message_says_which_job() -> None:
    bell = JobBell(Address("worker", 'a/"b'), "12.3", 1234567.891)
    assert job_heard(job_message(bell)) == bell
    assert job_heard(message(bell.address, 5.0)) is None
    assert heard(job_message(bell, 99.5)) == (bell.address, bell.due, 99.5)
    assert uid_of("J#0~x#0000000000000012.0003") == "12.3"
