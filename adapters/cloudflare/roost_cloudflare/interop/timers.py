"""Timers that can be taken back, and the alarm of an object."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import js  # type: ignore[import-not-found]
from pyodide.ffi import create_once_callable  # type: ignore[import-not-found]

from .door import Js, raw


class Timeout:
    """A timer that can be taken back: one that is only forgotten would keep its object from hibernating."""

    __slots__ = ("_id",)

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._id: Any = None

        def fire() -> None:
            self._id = None
            call()

        self._id = js.setTimeout(create_once_callable(fire), min(max(0.0, seconds) * 1000, 2**31 - 1))

    def cancel(self) -> None:
        if self._id is not None:
            js.clearTimeout(self._id)
            self._id = None


async def pause(seconds: float) -> None:
    """Sleep, on a timer that ends with the sleeper."""
    future = asyncio.get_running_loop().create_future()

    def over() -> None:
        if not future.done():
            future.set_result(None)

    timer = Timeout(seconds, over)
    try:
        await future
    finally:
        timer.cancel()


async def set_alarm(ctx: Js, at: float | None) -> None:
    """Wake the object at `at` (epoch seconds); None: not at all."""
    storage = raw(ctx).storage
    await (storage.deleteAlarm() if at is None else storage.setAlarm(_ms(at)))


def _ms(at: float) -> int:
    return -int(-at * 1000 // 1)
