"""A lease is short, so that a dead host is soon replaced, and is renewed, so that a long tick keeps its agent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Agent, action
from roost.contract.address import Address
from roost.contract.commit import Busy, Lease, Snapshot
from roost.contract.errors import TransientError
from roost.contract.result import TickResult
from roost.engine.guest_codec import answered, pack
from roost.engine.leased import renewal
from roost.engine.leased.tenure import LINGER
from roost_lambda.backend import LambdaBackend
from roost_lambda.desk import HOLD

from .faults import Faulty
from .hosts import Fleet, Slow, increment

pytestmark = pytest.mark.anyio


async def claimed(fleet: Fleet, address: Address) -> Snapshot | Busy:
    """What a host that comes now gets."""
    return await fleet.host().store.load(address, Lease("other", fleet.clock.now() + HOLD))


async def entered(fleet: Fleet, address: Address) -> tuple[LambdaBackend, asyncio.Event, asyncio.Task[TickResult]]:
    """A host in the middle of a tick, and what lets it go on."""
    inside, free = Slow.gates[address.key] = asyncio.Event(), asyncio.Event()
    host = fleet.host()
    tick = asyncio.create_task(host.dispatch(address, increment()))
    await inside.wait()
    return host, free, tick


async def test_a_tick_longer_than_the_lease_keeps_its_agent(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "RENEW", 0.01)
    a = Address("slow", "a")
    host, free, tick = await entered(fleet, a)
    for _ in range(5):
        held = host.store.memory.held[a]
        fleet.clock.ahead += HOLD * 0.9
        async with asyncio.timeout(30):
            while held.until <= fleet.clock.now() + HOLD * 0.9:  # noqa: ASYNC110  the renewal is a timer of the host
                await asyncio.sleep(0.005)
    assert isinstance(await claimed(fleet, a), Busy)
    free.set()
    assert (await tick).get() == 1


async def test_a_host_that_stopped_renewing_is_replaced(fleet: Fleet) -> None:
    a = Address("slow", "b")
    host, free, tick = await entered(fleet, a)
    fleet.clock.ahead += HOLD + 0.1
    assert (await fleet.host().dispatch(a, increment())).get() == 1
    await host.runtime.leases.renew(a)  # type: ignore[union-attr]
    assert a not in host.store.memory.held, "it still thinks it has the agent"
    free.set()
    result = await tick
    assert result.error is not None and result.error.code in ("fenced", "conflict")
    assert (await fleet.host().dispatch(a, increment(None, "get"))).get() == 1


async def test_a_late_renewal_does_not_bring_a_lease_back(fleet: Fleet) -> None:
    """It was sent before the agent was given back, and arrives after."""
    a = Address("counter", "c")
    slow = Faulty(fleet.calls)
    host = fleet.host(slow)
    assert isinstance(await host.store.load(a, Lease("me", fleet.clock.now() + HOLD)), Snapshot)
    held = host.store.memory.held[a]
    assert await host.store.lease.leave(a, False, 0, False, True)
    host.store.memory.held[a] = held
    await host.store.lease.renew(a)
    assert a not in host.store.memory.held
    assert isinstance(await claimed(fleet, a), Snapshot)


async def test_a_renewal_that_is_refused_for_now_is_tried_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "RENEW", 0.01)
    a = Address("slow", "d")
    host, free, tick = await entered(fleet, a)
    held, renewed = host.store.memory.held[a], 0

    async def fails(address: Address) -> None:
        nonlocal renewed
        renewed += 1
        if renewed < 4:
            raise TransientError("throttled", code="store-busy")
        held.until = 1e12

    monkeypatch.setattr(host.store.lease, "renew", fails)
    async with asyncio.timeout(30):
        while held.until < 1e12:  # noqa: ASYNC110  the renewal is a timer of the host
            await asyncio.sleep(0.005)
    free.set()
    assert (await tick).get() == 1


async def test_a_late_host_leaves_to_another_however_often_it_is_rung(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = Address("slow", "e")
    host, free, tick = await entered(fleet, a)
    others = [asyncio.create_task(fleet.host().dispatch(a, increment())) for _ in range(4)]
    async with asyncio.timeout(30):
        while len(await host.store.parked(a, 0, 9)) < 4:  # noqa: ASYNC110  they are other hosts
            await asyncio.sleep(0.005)
    fleet.clock.ahead += LINGER + 0.1
    update = host.store.table.update

    async def rung(*given: Any) -> Any:
        await fleet.host().store.lease.ring(a)  # before whatever it says
        return await update(*given)

    monkeypatch.setattr(host.store.table, "update", rung)
    free.set()
    assert (await tick).get() == 1
    left = await fleet.host().store.load(a)
    assert isinstance(left, Snapshot) and left.released == left.version == 1
    assert fleet.bells.queue and fleet.bells.queue[0][0] <= fleet.clock.now(), "nobody was called"
    assert isinstance(await claimed(fleet, a), Snapshot), "it went and kept the agent"
    fleet.clock.ahead += HOLD + 2
    await fleet.settle()
    assert sorted([(await one).get() for one in others]) == [2, 3, 4, 5]


class Changed(BaseModel):
    count: str = ""


class Quarantined(Agent[Changed]):
    """The same agent after a deploy that can't read its state."""

    kind = "slow"

    @action
    async def increment(self) -> int:
        return 0


async def test_a_guest_of_a_quarantined_agent_is_refused(fleet: Fleet) -> None:
    a = Address("slow", "f")
    await fleet.host().dispatch(a, increment())
    deployed = Fleet(fleet.name, fleet.calls, [Quarantined])
    host = deployed.host()
    guest = pack(increment(), "guest", 60.0, fleet.clock.now())
    assert guest is not None
    n = (await host.store.park(a, guest, 10, 1.0)).n
    await host.runtime.tell(a, increment().payload)
    await deployed.settle()
    await host.drain(a, fleet.clock.monotonic() + 20)
    answer = await host.store.answers.answered(a, n)
    assert answer is not None and answered(answer).error is not None
    assert answered(answer).error.code == "quarantined"  # type: ignore[union-attr]
    assert len(await host.store.parked(a, 0, 10)) == 1, "the tell is kept"
    await deployed.stop()
