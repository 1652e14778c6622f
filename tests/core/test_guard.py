"""The bound on a handler's time: no timer unless it waits; when it does, all that asyncio.timeout promises."""

from __future__ import annotations

import asyncio

import pytest

from roost.hosting.asyncio_host import AsyncioHost
from roost.ports import Timeout
from roost.tick.overrun import Overrun, within

pytestmark = pytest.mark.anyio


class Counted(AsyncioHost):
    """A host that counts the timeouts it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def timeout(self, seconds: float, /) -> Timeout:
        self.made += 1
        return super().timeout(seconds)


async def test_a_handler_that_never_waits_makes_no_timer() -> None:
    async def handler() -> int:
        return 7

    host = Counted()
    assert await within(host, 0.0, handler()) == 7
    assert host.made == 0


async def test_a_handler_that_waits_gets_its_values_and_errors() -> None:
    async def handler() -> list[str]:
        seen = [await asyncio.sleep(0, "slept")]
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            seen.append("own timeout")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, "child")) for _ in range(2)]
        return [*seen, *(t.result() for t in tasks)]

    host = Counted()
    assert await within(host, 10, handler()) == ["slept", "own timeout", "child", "child"]
    assert host.made == 1


async def test_an_error_after_waiting_is_the_handlers_own() -> None:
    async def handler() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await within(Counted(), 10, handler())


async def test_too_long_is_cancelled_and_cleaned_up() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cleaned up")

    with pytest.raises(Overrun):
        await within(Counted(), 0.001, handler())
    assert seen == ["cleaned up"]


async def test_cancelling_the_waiter_reaches_the_handler() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.ensure_future(within(Counted(), 60, handler()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
