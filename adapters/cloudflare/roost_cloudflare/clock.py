"""The port `Host` in an object: asyncio, but with timers that can be taken back.

Pyodide's loop leaves a cancelled timer running, and an object with a timer neither hibernates nor leaves memory.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, cast

from roost.hosting.asyncio_host import AsyncioHost
from roost.ports import Timeout, Timer

from . import interop


class Never:
    """A timer that is not."""

    def cancel(self) -> None:
        pass


class Bound:
    """`async with`: cancels the task inside after `seconds`; then TimeoutError."""

    __slots__ = ("_expired", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False
        self._timer: interop.Timeout | None = None
        self._task: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Bound:
        self._task = asyncio.current_task()
        self._timer = interop.Timeout(self._seconds, self._expire)
        return self

    def _expire(self) -> None:
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    async def __aexit__(self, kind: Any, error: Any, trace: Any, /) -> bool | None:
        assert self._timer is not None
        self._timer.cancel()
        task, self._task = self._task, None
        if self._expired and task is not None and task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error
        return None

    def expired(self) -> bool:
        return self._expired


class ObjectHost(AsyncioHost):
    """Clock, entropy and tasks of one object."""

    at_once = True
    """Off while a connection opens: what its `on_connect` closes or sends must not come before the upgrade."""

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        return Never() if delay == math.inf else interop.Timeout(delay, call)

    def timeout(self, seconds: float, /) -> Timeout:
        return Bound(seconds)

    def spawn(self, work: Coroutine[Any, Any, Any], /, *, eager: bool = False) -> Timer:
        """A turn of the loop costs as much as a tick: what may start at once does."""
        if not (eager and self.at_once):
            return super().spawn(work)
        task = interop.started(work)
        if task.done():
            self._ended(task)
        else:
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        return cast(Timer, task)

    async def sleep(self, seconds: float, /) -> None:
        await interop.pause(seconds)
