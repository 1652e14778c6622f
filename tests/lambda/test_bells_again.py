"""A doorbell that rang is spent: a schedule that is set again to the same instant gets one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from roost import Agent, action, resource
from roost.contract.address import Address
from roost.contract.commit import Letter
from roost.contract.errors import TransientError
from roost.contract.trigger import Call
from roost_lambda.bells import JobBell
from roost_lambda.client import Client

from .faults import Faulty
from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio


def whole(fleet: Fleet) -> float:
    """Now, as schedules have it: their times are of milliseconds."""
    return float(round(fleet.clock.now()))


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
    await host.dispatch(a, increment(None, "remind_at", fleet.clock.now() + 600))
    for _ in range(3):
        await host.dispatch(a, increment())
        await fleet.host().dispatch(a, increment())
    assert len(fleet.bells.queue) == 1


async def test_a_wake_that_is_put_off_leaves_no_bells_behind(fleet: Fleet) -> None:
    """An idle timer that every call sets anew: the bells of the earlier times end, and the last one wakes it once."""
    a, host = Address("counter", "d"), fleet.host()
    for _ in range(5):
        fleet.clock.ahead += 100
        await host.dispatch(a, increment(None, "remind_at", fleet.clock.now() + 600))
    assert len(fleet.bells.queue) == 5
    await fleet.settle(ahead=550)
    assert len(fleet.bells.queue) == 1, "a bell of a time that was put off rang for another"
    await fleet.settle(ahead=100)
    assert await count(fleet, a) == 1
    assert not fleet.bells.queue


async def test_bells_for_other_ends_ring_for_no_wake(fleet: Fleet) -> None:
    """A doorbell of a letter that was run meanwhile, a sweeper's, the same one twice."""
    a, host = Address("counter", "e"), fleet.host()
    await host.dispatch(a, increment(None, "remind_at", fleet.clock.now() + 600))
    for _ in range(5):
        await fleet.bells.ring(a, 0.0)
    await fleet.settle()
    assert len(fleet.bells.queue) == 1


async def test_a_bell_that_comes_early_rings_again(fleet: Fleet) -> None:
    """By another host's clock its time had come. A letter that waits beside it changes nothing."""
    a, host = Address("counter", "f"), fleet.host()
    at = whole(fleet) + 600
    await host.dispatch(a, increment(None, "remind_at", at))
    for letters in (0, 1):
        [(_, _, _, wake)] = fleet.bells.queue
        fleet.bells.queue.clear()
        for _ in range(letters):
            await host.store.park(a, Letter("x", "client", "", "increment", b'{"args":[],"kwargs":{}}'), 10, at)
        await host.drain(a, fleet.clock.monotonic() + 20, wake)
        assert [wake for _, _, _, wake in fleet.bells.queue] == [at]
    await fleet.settle(ahead=601)
    assert await count(fleet, a) == 2


async def test_a_bell_of_before_bells_said_their_wake_rings_again(fleet: Fleet) -> None:
    a, host = Address("counter", "g"), fleet.host()
    at = whole(fleet) + 600
    await host.dispatch(a, increment(None, "remind_at", at))
    fleet.bells.queue.clear()
    await host.drain(a, fleet.clock.monotonic() + 20, None)
    assert [wake for _, _, _, wake in fleet.bells.queue] == [at]


class Deadly:
    """Fills `Bells`: the host dies as it rings."""

    def __init__(self, host: Faulty) -> None:
        self.host = host
        self.rung = asyncio.Event()

    async def ring(self, address: Address, delay: float, wake: float | None = 0.0) -> None:
        self.host.dead = True
        self.rung.set()
        await asyncio.Event().wait()

    async def ring_job(self, bell: JobBell, delay: float) -> None:
        await self.ring(bell.address, delay)


@pytest.mark.parametrize("to", [200, 400])
async def test_the_next_bell_finds_that_a_host_died_before_its_own(fleet: Fleet, to: float) -> None:
    """The wake was pulled forward, or put off: whoever takes the agent of a dead host rings for it, not the sweeper."""
    a, dying = Address("counter", "h"), Faulty(fleet.calls)
    bells, start = Deadly(dying), whole(fleet)
    await fleet.host().dispatch(a, increment(None, "remind_at", start + 300))
    lost = asyncio.create_task(fleet.host(dying, bells=bells).dispatch(a, increment(None, "remind_at", start + to)))
    await bells.rung.wait()
    lost.cancel()
    if to < 300:
        await fleet.bells.ring(a, 50.0)  # a letter's, say
        await fleet.settle(ahead=100)
        assert [wake for _, _, _, wake in fleet.bells.queue if wake] == [start + to, start + 300]
    else:
        await fleet.settle(ahead=350)
        assert [wake for _, _, _, wake in fleet.bells.queue] == [start + to]
    await fleet.settle(ahead=to + 1 - (fleet.clock.now() - start))
    assert (await fleet.host().store.reads.glance(a)).schedules == ()


async def test_a_bell_that_cannot_be_sent_is_owed_to_the_next_holder(fleet: Fleet) -> None:
    a, at = Address("counter", "i"), whole(fleet) + 600
    await fleet.host(bells=Mute()).dispatch(a, increment(None, "remind_at", at))
    assert not fleet.bells.queue
    await fleet.host().dispatch(a, increment())
    assert [wake for _, _, _, wake in fleet.bells.queue] == [at]
    with pytest.raises(TransientError):  # the queue brings this bell again
        await fleet.host(bells=Mute()).drain(a, fleet.clock.monotonic() + 20, at)


class Mute:
    """Fills `Bells`: the queue takes nothing."""

    async def ring(self, address: Address, delay: float, wake: float | None = 0.0) -> None:
        raise TransientError("no queue", code="bell")

    async def ring_job(self, bell: JobBell, delay: float) -> None:
        await self.ring(bell.address, delay)


async def test_a_late_tell_rings_no_bell_if_an_earlier_one_is_under_way(fleet: Fleet) -> None:
    """A far one would take the place of the earlier: a schedule an agent is all there is."""
    a, host = Address("counter", "j"), fleet.host()
    now = whole(fleet)
    await host.dispatch(a, increment(None, "remind_at", now + 1000))
    await host.runtime.tell(a, Call("increment", ()), delay=2000)
    assert [wake for _, _, _, wake in fleet.bells.queue] == [now + 1000]
    await fleet.settle(ahead=1001)
    assert await count(fleet, a) == 1
    await fleet.settle(ahead=1001)
    assert await count(fleet, a) == 2


TRIES: list[float] = []
OPENS: list[bool] = []


@resource
async def shaky() -> AsyncIterator[int]:
    TRIES.append(1.0)
    if len(TRIES) > 1 or not OPENS:
        raise RuntimeError("no")
    yield 1


class Leaning(Agent):
    """What it needs does not come."""

    dependence = shaky

    @action
    async def note(self) -> None: ...


@pytest.mark.parametrize("made", [False, True])
async def test_what_can_not_wake_is_tried_ever_less_often(dynamo: tuple[str, Client], made: bool) -> None:
    """By its doorbells and by the sweeper, which rings each minute: an hour must not be 700 tries."""
    fleet = Fleet(*dynamo, kinds=[Leaning])
    fleet.start()
    a = Address("leaning", "a")
    TRIES.clear()
    OPENS[:] = [True] * made
    if made:
        await fleet.host().dispatch(a, increment(None, "note"))
    await fleet.answering.runtime.tell(a, Call("note", ()))
    await fleet.settle()
    for n in range(240):
        await fleet.settle(ahead=15)
        if n % 4 == 0:
            await fleet.sweep()
    assert len(fleet.bells.queue) < 4 and 10 < len(TRIES) < 40, (len(fleet.bells.queue), len(TRIES))
    await fleet.stop()
