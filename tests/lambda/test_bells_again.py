"""A doorbell that rang is spent: a schedule that is set again to the same instant gets one of its own."""

from __future__ import annotations

import pytest

from roost.contract.address import Address

from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio


async def count(fleet: Fleet, address: Address) -> int:
    return int((await fleet.host().dispatch(address, increment(None, "get"))).get())


async def test_a_schedule_that_fired_is_set_again_to_the_same_instant(fleet: Fleet) -> None:
    a, host = Address("counter", "a"), fleet.host()
    fleet._drain = host  # pyright: ignore[reportPrivateUsage]  # one warm process: it remembers what it rang
    at = fleet.clock.now() + 5
    await host.dispatch(a, increment(None, "remind_at", at))
    await fleet.settle(ahead=6)
    assert await count(fleet, a) == 1
    await host.dispatch(a, increment(None, "remind_at", at))
    await fleet.settle()
    assert await count(fleet, a) == 2


async def test_a_schedule_that_sets_itself_again_to_the_same_instant(fleet: Fleet) -> None:
    a = Address("counter", "b")
    at = fleet.clock.now() + 5
    await fleet.host().dispatch(a, increment(None, "remind_at", at, 4))
    await fleet.settle(ahead=6)
    for _ in range(3):
        await fleet.settle()
    assert await count(fleet, a) == 4


async def test_calls_before_its_time_ring_no_more_bells(fleet: Fleet) -> None:
    a, host = Address("counter", "c"), fleet.host()
    await host.dispatch(a, increment(None, "remind_at", fleet.clock.now() + 60))
    for _ in range(3):
        await host.dispatch(a, increment())
        await fleet.host().dispatch(a, increment())
    assert len(fleet.bells.queue) == 1
