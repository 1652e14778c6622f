"""The bound on a handler's time: no timer unless it waits; when it does, all that asyncio.timeout promises."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roost.guard import within

pytestmark = pytest.mark.anyio


class Counted:
    """asyncio.timeout that says whether it was used."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._inner: asyncio.Timeout | None = None

    async def __aenter__(self) -> Counted:
        self._inner = asyncio.timeout(self._seconds)
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any, /) -> bool | None:
        assert self._inner is not None
        return await self._inner.__aexit__(kind, error, trace)

    def expired(self) -> bool:
        return self._inner is not None and self._inner.expired()

    @property
    def used(self) -> bool:
        return self._inner is not None


async def test_a_handler_that_never_waits_makes_no_timer() -> None:
    async def handler() -> int:
        return 7

    timeout = Counted(0.0)
    assert await within(timeout, handler()) == 7
    assert not timeout.used


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

    timeout = Counted(10)
    assert await within(timeout, handler()) == ["slept", "own timeout", "child", "child"]
    assert timeout.used and not timeout.expired()


async def test_an_error_after_waiting_is_the_handlers_own() -> None:
    async def handler() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        await within(Counted(10), handler())


async def test_too_long_is_cancelled_and_cleaned_up() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("cleaned up")

    timeout = Counted(0.001)
    with pytest.raises(TimeoutError):
        await within(timeout, handler())
    assert timeout.expired() and seen == ["cleaned up"]


async def test_cancelling_the_waiter_reaches_the_handler() -> None:
    seen: list[str] = []

    async def handler() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.ensure_future(within(Counted(60), handler()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
