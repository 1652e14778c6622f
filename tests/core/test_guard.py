"""The bound on a handler's time: no timer unless it waits; when it does, all that asyncio.timeout promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from roost.hosting.asyncio_host import AsyncioHost
from roost.ports import Host, Timeout
from roost.tick import overrun
from roost.tick.overrun import Overrun, begin

pytestmark = pytest.mark.anyio


async def within(
    host: Host, seconds: float, handler: Coroutine[Any, Any, Any], blocked: Callable[[float], None]
) -> Any:
    found = begin(host, host.monotonic(), seconds, handler, blocked)
    return found[0] if isinstance(found, tuple) else await found


def never(seconds: float) -> None:
    raise AssertionError(f"the loop was held for {seconds} s")


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
    assert await within(host, 10, handler(), never) == 7
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
    assert await within(host, 10, handler(), never) == ["slept", "own timeout", "child", "child"]
    assert host.made == 1


async def test_an_error_after_waiting_is_the_handlers_own() -> None:
    async def handler() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await within(Counted(), 10, handler(), never)


async def test_too_long_is_cancelled_and_cleaned_up() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cleaned up")

    with pytest.raises(Overrun):
        await within(Counted(), 0.001, handler(), never)
    assert seen == ["cleaned up"]


async def test_cancelling_the_waiter_reaches_the_handler() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.ensure_future(within(Counted(), 60, handler(), never))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_what_is_returned_after_the_deadline_counts_for_nothing() -> None:
    async def handler() -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return 7

    with pytest.raises(Overrun):
        await within(Counted(), 0.001, handler(), never)
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_a_handler_that_holds_the_loop_is_late_and_named() -> None:
    class Slow(Counted):
        def __init__(self, held: float) -> None:
            super().__init__()
            times = iter([0.0, held])
            self.monotonic = lambda: next(times)

    async def handler() -> int:
        return 7

    seen: list[float] = []
    assert await within(Slow(0.5), 1, handler(), seen.append) == 7
    with pytest.raises(Overrun):
        await within(Slow(1.5), 1, handler(), seen.append)
    assert seen == [0.5, 1.5]


@pytest.mark.parametrize("how", ["again and again", "a task", "gathered tasks", "a group"])
async def test_a_handler_that_never_ends_is_abandoned(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overrun, "LEAVE", 0.01)
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async def handler() -> None:
        if how == "again and again":
            await stubborn()
        elif how == "a task":
            await asyncio.create_task(stubborn())
        elif how == "gathered tasks":
            await asyncio.gather(stubborn(), stubborn())
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(stubborn())

    async with asyncio.timeout(5):
        with pytest.raises(Overrun) as ended:
            await within(Counted(), 0.001, handler(), never)
    assert ended.value.abandoned
    release.set()
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


async def test_a_task_that_is_awaited_is_cancelled_as_asyncio_would() -> None:
    async def child() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.001)
            return "had the last word"
        return "slept"

    async def handler() -> list[str]:
        seen: list[str] = []
        async with asyncio.timeout(0.001):
            seen.append(await asyncio.create_task(child()))
        task = asyncio.create_task(asyncio.sleep(60))
        try:
            async with asyncio.timeout(0.001):
                await task
        except TimeoutError:
            seen.append(f"cancelled: {task.cancelled()}")
        return seen

    async with asyncio.timeout(5):
        assert await within(Counted(), 10, handler(), never) == ["had the last word", "cancelled: True"]


async def test_a_cancellation_of_its_own_is_taken_back() -> None:
    host = Counted()
    task = asyncio.current_task()
    assert task is not None

    async def handler() -> int:
        task.cancel()
        return 7

    assert await within(host, 10, handler(), never) == 7
    assert host.cancelled()
    await host.uncancel()
    await asyncio.sleep(0)
    assert not host.cancelled() and not task.cancelling()
