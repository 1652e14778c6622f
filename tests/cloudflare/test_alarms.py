"""The one alarm of an object, in an order of turns that workerd can't be made to take."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from roost.contract.address import Address
from roost.hosting.asyncio_host import AsyncioHost

pytestmark = pytest.mark.anyio
AGENT = Address("clock", "k")


class Handheld(AsyncioHost):
    """Timers go off when the test says so."""

    def __init__(self) -> None:
        super().__init__(1)
        self.timers: list[Callable[[], object]] = []

    def call_later(self, delay: float, call: Callable[[], object], /) -> Any:
        self.timers.append(call)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """What the platform's alarm was set to, in order."""
    found: list[float | None] = []

    async def set_alarm(ctx: object, at: float | None) -> None:
        found.append(at)

    interop = ModuleType("roost_cloudflare.interop")
    vars(interop).update(set_alarm=set_alarm, Js=Any)
    monkeypatch.setitem(sys.modules, "roost_cloudflare.interop", interop)
    monkeypatch.delitem(sys.modules, "roost_cloudflare.alarms", raising=False)
    return found


async def test_a_commit_between_the_timer_and_its_move_keeps_its_alarm(platform: list[float | None]) -> None:
    """The alarm that a move takes off is the one that is not wanted any more, not the one set since."""
    from roost_cloudflare.alarms import ObjectAlarms

    host = Handheld()
    alarms = ObjectAlarms(None, host)
    await alarms.arm(AGENT, 500.0)
    await alarms.arm(AGENT, None)
    [move] = host.timers
    move()
    await alarms.arm(AGENT, 50.0)
    await asyncio.sleep(0)
    assert platform == [500.0, 50.0] and alarms.pending


async def test_the_sooner_of_what_the_agent_and_its_jobs_want(platform: list[float | None]) -> None:
    """Neither takes the other's away: after a cold start the one that is told finds the other in the tables."""
    from roost_cloudflare.alarms import ObjectAlarms

    host, due = Handheld(), list[float | None]([80.0])
    cold = ObjectAlarms(None, host, lambda: due[0], lambda: 50.0)
    await cold.arm_jobs(AGENT, 80.0)
    assert platform == [50.0]
    warm = ObjectAlarms(None, host, lambda: due[0], lambda: None)
    await warm.arm(AGENT, 500.0)
    due[0] = 70.0
    await warm.arm_jobs(AGENT, 70.0)
    await warm.arm(AGENT, 60.0)
    assert platform == [50.0, 80.0, 70.0, 60.0]
    warm.fired()
    await warm.arm(AGENT, None)
    assert platform[4:] == [70.0]
    warm.fired()
    await warm.again(90.0)
    await warm.again(91.0)
    assert platform[5:] == [110.0], "what nobody took care of, ever less often, and once"
    for now, at in ((72.0, 77.0), (60.0, 70.0), (1e6, 1e6 + 3600)):
        warm.fired()
        await warm.again(now)
        assert platform[-1] == at
    warm.fired()
    await warm.arm_jobs(AGENT, None)
    await warm.again(90.0)
    assert platform[-1] == 1e6 + 3600, "nothing is due"


async def test_an_alarm_not_wanted_any_more_is_moved_later(platform: list[float | None]) -> None:
    from roost_cloudflare.alarms import ObjectAlarms

    host = Handheld()
    alarms = ObjectAlarms(None, host)
    await alarms.arm(AGENT, 50.0)
    await alarms.arm(AGENT, 500.0)
    await alarms.arm(AGENT, 600.0)
    assert platform == [50.0], "setting costs a row"
    [move] = host.timers
    move()
    await asyncio.sleep(0)
    assert platform == [50.0, 600.0]
