"""Hosts that share an agent: they take turns, lose nothing, and do nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from roost.address import Address
from roost_lambda.client import Client

from .hosts import Fleet, Slow, increment

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(dynamo: tuple[str, Client]) -> AsyncIterator[Fleet]:
    fleet = Fleet(*dynamo)
    yield fleet
    await fleet.stop()


async def count(fleet: Fleet, address: Address) -> int:
    return int((await fleet.host().dispatch(address, increment(None, "get"))).get())


async def test_one_host(fleet: Fleet) -> None:
    host, a = fleet.host(), Address("counter", "a")
    assert [(await host.dispatch(a, increment())).get() for _ in range(3)] == [1, 2, 3]
    assert (await host.dispatch(a, increment(None, "get"))).get() == 3
    assert not host.store.memory.held and not fleet.bells.queue


async def test_a_counter_is_two_round_trips_and_a_read_one(fleet: Fleet) -> None:
    host, a = fleet.host(), Address("counter", "a")
    await host.dispatch(a, increment())
    spent = host.store.table.spent
    trips, writes = spent.trips, spent.writes
    await host.dispatch(a, increment())
    assert (spent.trips - trips, spent.writes - writes) == (2, 2.0)
    trips, writes, reads = spent.trips, spent.writes, spent.reads
    await host.dispatch(a, increment(None, "get"))
    assert (spent.trips - trips, spent.writes - writes, spent.reads - reads) == (1, 0.0, 1.0)


async def test_a_repeated_id_runs_once(fleet: Fleet) -> None:
    a = Address("counter", "a")
    assert (await fleet.host().dispatch(a, increment("k"))).get() == 1
    again = await fleet.host().dispatch(a, increment("k"))
    assert again.get() == 1 and again.replayed


async def test_who_finds_it_held_gets_the_holders_answer(fleet: Fleet) -> None:
    a = Address("slow", "a")
    Slow.gates["a"] = entered, free = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(fleet.host().dispatch(a, increment()))
    await entered.wait()
    others = [asyncio.create_task(fleet.host().dispatch(a, increment())) for _ in range(8)]
    for _ in range(400):
        await asyncio.sleep(0.01)
        if len(await fleet.host().store.parked(a, 0, 100)) == 8:
            break
    free.set()
    results = [(await t).get() for t in (first, *others)]
    assert results[0] == 1 and sorted(results) == list(range(1, 10))
    assert not await fleet.host().store.parked(a, 0, 100)


async def test_64_callers(fleet: Fleet) -> None:
    a = Address("counter", "a")
    hosts = [fleet.host() for _ in range(8)]
    fleet.start()
    results = await asyncio.gather(*(hosts[i % 8].dispatch(a, increment(f"k{i}")) for i in range(64)))
    assert sorted(r.get() for r in results) == list(range(1, 65))
    assert await count(fleet, a) == 64


async def test_a_dead_holder_is_healed_by_the_doorbell(fleet: Fleet) -> None:
    a = Address("slow", "a")
    Slow.gates["a"] = entered, _ = asyncio.Event(), asyncio.Event()
    dead = asyncio.create_task(fleet.host().dispatch(a, increment()))
    await entered.wait()
    dead.cancel()
    waits = asyncio.create_task(fleet.host().runtime.tell(a, increment().payload))
    await waits
    assert await count_slow(fleet, a) == 0
    await fleet.settle(ahead=32)
    assert await count_slow(fleet, a) == 1


async def count_slow(fleet: Fleet, address: Address) -> int:
    return int((await fleet.host().dispatch(address, increment(None, "get"))).get())


async def test_tells_and_schedules_arrive(fleet: Fleet) -> None:
    a, b = Address("counter", "a"), Address("counter", "b")
    host = fleet.host()
    assert (await host.dispatch(a, increment(None, "pass_on", "b"))).get() == 1
    await fleet.settle()
    assert await count(fleet, b) == 1
    await host.dispatch(a, increment(None, "remind", 100))
    assert await count(fleet, a) == 1
    await fleet.settle(ahead=50)
    assert await count(fleet, a) == 1
    await fleet.settle(ahead=51)
    assert await count(fleet, a) == 2
