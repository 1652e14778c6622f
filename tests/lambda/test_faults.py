"""A fault at every call of the table in turn: nothing is lost, nothing happens twice, no wake-up is missed.

Each run is the same story: a caller with an idempotency key makes an agent change its state, write a value, tell
another agent and set a reminder, and tries again, on another host, until it has an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from roost.contract.address import Address
from roost.contract.errors import RoostError
from roost.contract.result import TickResult
from roost_lambda.client import Client

from .faults import DEATHS, ERRORS, PAUSES, Fault, Faulty
from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio
STORY = 40
"""More calls than the story makes; runs end where its calls do."""
PATIENCE = 20.0
"""Seconds within which what must happen happens; a bound on failure."""


@pytest.fixture
async def fleet(dynamo: tuple[str, Client]) -> AsyncIterator[Fleet]:
    fleet = Fleet(*dynamo)
    fleet.start()
    yield fleet
    await fleet.stop()


async def count(fleet: Fleet, key: str) -> int:
    return int((await fleet.host().dispatch(Address("counter", key), increment(None, "get"))).get())


async def once(fleet: Fleet, key: str, id: str) -> TickResult:
    """The story's call on a host of its own."""
    return await fleet.host().dispatch(Address("counter", key), increment(id, "story", f"{key}-told"))


async def until_answered(fleet: Fleet, key: str, id: str) -> int:
    """As a client does: the same id again while the failure is a passing one."""
    errors: list[RoostError] = []
    while len(errors) < 5:
        result = await once(fleet, key, id)
        if result.error is None:
            return int(result.get())
        errors.append(result.error)
    raise AssertionError(errors)


async def ended(fleet: Fleet, keys: list[str], callers: int) -> None:
    """Everything that was caused has happened, once."""
    await fleet.settle(ahead=32)  # doorbells that heal
    await fleet.settle(ahead=100)  # the reminder
    await fleet.relay()
    fleet.clock.ahead += 61
    await fleet.sweep()
    await fleet.settle(ahead=32)
    store = fleet.host().store
    for key in keys:
        assert await count(fleet, key) == callers + 1, f"the state and its reminder: {key}"
        assert await count(fleet, f"{key}-told") == callers, f"the envelopes: {key}"
        for one in (key, f"{key}-told"):
            assert not await store.parked(Address("counter", one), 0, 10), one


async def length(fleet: Fleet) -> int:
    """How many calls the story makes."""
    faulty = Faulty(fleet.calls)
    host = fleet.host(faulty)
    await host.dispatch(Address("counter", "length"), increment("id", "story", "length-told"))
    await ended(fleet, ["length"], 1)
    return faulty.count


@pytest.mark.parametrize("fault", ERRORS)
async def test_errors(fleet: Fleet, fault: Fault) -> None:
    """The caller does not notice."""
    calls = await length(fleet)
    assert 8 < calls < STORY
    for at in range(1, calls + 1):
        key = f"{fault}-{at}"
        faulty = Faulty(fleet.calls, fault, at)
        trigger = increment("id", "story", f"{key}-told")
        result = await fleet.host(faulty).dispatch(Address("counter", key), trigger)
        assert result.get() == 1 and faulty.reached.is_set(), faulty.log
    await ended(fleet, [f"{fault}-{at}" for at in range(1, calls + 1)], 1)


@pytest.mark.parametrize("fault", ERRORS)
async def test_errors_without_a_key(fleet: Fleet, fault: Fault) -> None:
    """Nobody could ask again: one update of one item must tell its own success from another's."""
    for at in (1, 2, 3, 4):  # a cold host: lease, state, kind, commit
        faulty = Faulty(fleet.calls, fault, at)
        result = await fleet.host(faulty).dispatch(Address("counter", f"bare-{fault}-{at}"), increment())
        assert result.get() == 1 and faulty.reached.is_set(), faulty.log
        assert await count(fleet, f"bare-{fault}-{at}") == 1


@pytest.mark.parametrize("fault", DEATHS)
async def test_deaths(fleet: Fleet, fault: Fault) -> None:
    calls = await length(fleet)
    for at in range(1, calls + 1):
        key = f"{fault}-{at}"
        faulty = Faulty(fleet.calls, fault, at)
        victim = fleet.host(faulty)
        task = asyncio.create_task(victim.dispatch(Address("counter", key), increment("id", "story", f"{key}-told")))
        await asyncio.wait_for(faulty.reached.wait(), PATIENCE)
        again = asyncio.create_task(once(fleet, key, "id"))
        await asyncio.sleep(0.05)
        await fleet.settle(ahead=32)
        result = await asyncio.wait_for(again, PATIENCE)
        if result.error is not None:
            await until_answered(fleet, key, "id")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await ended(fleet, [f"{fault}-{at}" for at in range(1, calls + 1)], 1)


@pytest.mark.parametrize("fault", PAUSES)
async def test_another_comes_meanwhile(fleet: Fleet, fault: Fault) -> None:
    """Nobody's answer waits for a lease to end: the holder hears the bell, or has left."""
    calls = await length(fleet)
    for at in range(1, calls + 1):
        key = f"{fault}-{at}"
        faulty = Faulty(fleet.calls, fault, at)
        first = asyncio.create_task(
            fleet.host(faulty).dispatch(Address("counter", key), increment("a", "story", f"{key}-told"))
        )
        await asyncio.wait_for(faulty.reached.wait(), PATIENCE)
        second = asyncio.create_task(once(fleet, key, "b"))
        await asyncio.sleep(0.06)
        faulty.go.set()
        answers = await asyncio.wait_for(asyncio.gather(first, second), PATIENCE)
        assert sorted(int(r.get()) for r in answers) == [1, 2], (at, faulty.log)
    await ended(fleet, [f"{fault}-{at}" for at in range(1, calls + 1)], 2)


@pytest.mark.parametrize("fault", PAUSES)
async def test_frozen_past_the_lease(fleet: Fleet, fault: Fault) -> None:
    """Another host takes the agent over; the late writer is fenced and nothing of it is released."""
    calls = await length(fleet)
    for at in range(1, calls + 1):
        key = f"frozen-{fault}-{at}"
        faulty = Faulty(fleet.calls, fault, at)
        late = asyncio.create_task(
            fleet.host(faulty).dispatch(Address("counter", key), increment("a", "story", f"{key}-told"))
        )
        await asyncio.wait_for(faulty.reached.wait(), PATIENCE)
        fleet.clock.ahead += 32
        assert await until_answered(fleet, key, "b") in (1, 2)
        faulty.go.set()
        result = await asyncio.wait_for(late, PATIENCE)
        if result.error is not None:
            await until_answered(fleet, key, "a")
    await ended(fleet, [f"frozen-{fault}-{at}" for at in range(1, calls + 1)], 2)


async def test_errors_are_named(fleet: Fleet) -> None:
    result = await fleet.host().dispatch(Address("counter", "named"), increment(None, "fail"))
    assert isinstance(result.error, RoostError) and result.error.code == "transient"
    assert await count(fleet, "named") == 0
