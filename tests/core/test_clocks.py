"""The wall clock is set, or a machine was suspended, while monotonic time goes its own way."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, TransientError, Trigger, action
from roost.contract.trigger import Call
from roost.engine.guest_codec import pack, unpack
from roost.hosting.asyncio_host import FOLLOW
from roost.testing import world
from tests.simulation import loop
from tests.simulation.host import SimHost

pytestmark = pytest.mark.anyio


class Notes(BaseModel):
    rang: list[float] = []
    seen: list[float] = []


class Clock(Agent[Notes]):
    @action
    async def set(self, seconds: float) -> None:
        self.schedule("once", seconds, self.ring)

    async def ring(self) -> None:
        self.state.rang.append(self.now.timestamp())

    @action
    async def look(self, wait: float = 0.0) -> float:
        await asyncio.sleep(wait)
        self.state.seen.append(self.now.timestamp())
        return self.state.seen[-1]

    @action
    async def hang(self) -> None:
        await asyncio.Event().wait()

    @action(readonly=True)
    async def hang_beside(self) -> None:
        await asyncio.Event().wait()

    @action
    async def ask(self, to: str) -> str:
        try:
            await self.agent(Clock, to, timeout=2.0).hang()
        except TransientError as error:
            return error.code
        return ""


def on_a_loop(test: Any) -> None:
    """Run on a loop whose time is virtual, with a host of the real timers."""

    async def main() -> None:
        def broken(error: BaseException) -> None:
            raise error

        await test(SimHost("h", Random(1), broken))

    loop.run(main())


def test_a_timer_of_the_wall_clock_follows_it_forward() -> None:
    async def test(host: SimHost) -> None:
        fired: list[float] = []
        at = host.now() + 3600
        host.call_at(at, lambda: fired.append(host.now()))
        await asyncio.sleep(0.5)
        host.skew += 7200
        await asyncio.sleep(FOLLOW)
        assert len(fired) == 1 and fired[0] >= at

    on_a_loop(test)


def test_a_timer_of_the_wall_clock_is_never_early_by_it() -> None:
    async def test(host: SimHost) -> None:
        fired: list[float] = []
        at = host.now() + 10
        timer = host.call_at(at, lambda: fired.append(host.now()))
        await asyncio.sleep(9.5)
        host.skew -= 60
        await asyncio.sleep(60)
        assert not fired
        await asyncio.sleep(0.6)
        assert len(fired) == 1 and at <= fired[0] < at + 0.01
        timer.cancel()
        host.call_at(host.now() + 5, lambda: fired.append(0.0)).cancel()
        await asyncio.sleep(6)
        assert len(fired) == 1

    on_a_loop(test)


async def test_a_schedule_is_due_by_the_wall_clock_after_a_suspend() -> None:
    async with world(App([Clock])) as w:
        await w.agent(Clock, "a").set(3600)
        due = w.now + 3600
        await w.jump(hours=2)
        assert (await w.state(Clock, "a"))["rang"] == [due + 3600]


async def test_a_schedule_waits_when_the_clock_goes_back() -> None:
    async with world(App([Clock])) as w:
        await w.agent(Clock, "a").set(10)
        due = w.now + 10
        await w.advance(seconds=9.9)
        await w.jump(seconds=-60)
        await w.advance(seconds=59.9)
        assert (await w.state(Clock, "a"))["rang"] == []
        await w.advance(seconds=0.3)
        [rang] = (await w.state(Clock, "a"))["rang"]
        assert due <= rang <= due + 0.2


async def test_an_occurrence_that_is_early_when_its_turn_comes_still_comes() -> None:
    """It was due, and waited in line behind a tick while the clock was set back."""
    async with world(App([Clock])) as w:
        await w.agent(Clock, "a").set(1)
        trigger = Trigger("call", Call("hang"), deadline=w.host.monotonic() + 5)
        tick = asyncio.ensure_future(w.backend.wake(Address("clock", "a"), trigger))
        await w.advance(seconds=2)
        await w.jump(seconds=-30)
        await w.advance(seconds=4)
        assert (await tick).outcome == "transient"
        assert (await w.state(Clock, "a"))["rang"] == []
        await w.advance(seconds=26)
        assert len((await w.state(Clock, "a"))["rang"]) == 1


@pytest.mark.parametrize("seconds", [-60.0, 7200.0])
async def test_a_deadline_does_not_move_with_the_wall_clock(seconds: float) -> None:
    async with world(App([Clock])) as w:
        address = Address("clock", "a")
        at = await w.agent(Clock, "a").look()
        await w.jump(seconds=seconds)
        assert await w.agent(Clock, "a").look() == max(at, at + seconds), "what an agent calls now never decreases"
        for what in ("hang", "hang_beside"):
            trigger = Trigger("call", Call(what), deadline=w.host.monotonic() + 3)
            call = asyncio.ensure_future(w.backend.wake(address, trigger))
            await w.advance(seconds=1)
            await w.jump(seconds=seconds)
            await w.advance(seconds=1.9)
            assert not call.done()
            await w.advance(seconds=0.2)
            error = (await call).error
            assert error is not None and error.code == "deadline" and "cancelled after 3 s" in error.message
        ask = asyncio.ensure_future(w.agent(Clock, "a").ask("b"))
        await w.advance(seconds=1)
        await w.jump(seconds=seconds)
        await w.advance(seconds=0.9)
        assert not ask.done()
        await w.advance(seconds=0.2)
        assert await ask == "ask-timeout"


def test_a_parked_trigger_has_the_time_that_both_its_hosts_grant() -> None:
    kind = App([Clock]).kinds["clock"]

    async def test(host: SimHost) -> None:
        letter = pack(Trigger("call", Call("hang")), "id", 20.0, host.now())
        assert letter is not None

        def left() -> float:
            deadline = unpack(kind, letter, host).trigger.deadline
            assert deadline is not None
            return deadline - host.monotonic()

        await asyncio.sleep(5)
        assert left() == pytest.approx(15)
        host.skew = -60
        assert left() == 20.0, "the clock of the host that runs it is behind"
        host.skew = 60
        assert left() < 0, "its clock is ahead: the trigger is tried again, and never run when nobody waits"

    on_a_loop(test)
