"""Clocks that move only when told, the wall's and the monotonic one apart: timers fire in order, in no time at all."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from ..hosting.asyncio_host import AsyncioTasks
from ..ports import Future, Host, Timer

T = TypeVar("T")
EPOCH = 1_767_225_600.0
"""Where a virtual clock starts: 2026-01-01T00:00:00Z."""
UPTIME = 1000.0
"""What its monotonic clock shows at the start: nobody takes one for the other and goes on."""
QUIET = 30
"""Turns of the loop without a sign of life after which nothing more will happen by itself."""


class VirtualTimer:
    """A call at a time; cancelled ones are passed over."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object] | None) -> None:
        self.call = call

    def cancel(self) -> None:
        self.call = None


class VirtualTimeout:
    """`async with`: cancels the task inside when virtual time runs out, as asyncio.timeout does in real time."""

    def __init__(self, host: Host, seconds: float) -> None:
        self._host = host
        self._seconds = seconds
        self._expired = False

    async def __aenter__(self) -> VirtualTimeout:
        self._task = asyncio.current_task()
        self._timer = self._host.call_later(self._seconds, self._fire)
        return self

    def _fire(self) -> None:
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    async def __aexit__(self, kind: Any, error: Any, trace: Any, /) -> bool | None:
        self._timer.cancel()
        if self._expired and self._task is not None:
            left = self._task.uncancel()
            if kind is asyncio.CancelledError and left == 0:
                raise TimeoutError from error
        return None

    def expired(self) -> bool:
        return self._expired


class VirtualHost(AsyncioTasks):
    """Fills the port `Host` on the running loop, with a clock and entropy of its own."""

    def __init__(self, seed: int = 0, start: float = EPOCH) -> None:
        self._monotonic = UPTIME
        self._epoch = start - UPTIME
        """What the wall clock shows more than the monotonic one."""
        self._bits = Random(seed).getrandbits
        self._heap: list[tuple[float, int, VirtualTimer]] = []
        self._wall: list[tuple[float, int, VirtualTimer]] = []
        """Timers of the wall clock."""
        self._order = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.signs = 0
        """Grows with everything that happens: how `settle` sees that nothing does."""

    def now(self) -> float:
        self.signs += 1
        return self._epoch + self._monotonic

    def monotonic(self) -> float:
        self.signs += 1
        return self._monotonic

    def entropy(self) -> int:
        return self._bits(64)

    async def in_thread(self, call: Callable[[], T], /) -> T:
        """At once: a thread would not know this clock."""
        return call()

    def future(self) -> Future[Any]:
        self.signs += 1
        return asyncio.get_running_loop().create_future()

    def spawn(self, work: Coroutine[Any, Any, Any], /, *, eager: bool = False) -> Timer:
        self.signs += 1
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task  # type: ignore[return-value]  # Task.cancel returns bool, a Timer's nothing that is used

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.signs += 1
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logging.getLogger("roost").error("a background task failed", exc_info=error)

    def call_soon(self, call: Callable[[], object], /) -> None:
        self.signs += 1
        super().call_soon(call)

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        self.signs += 1
        timer = VirtualTimer(call)
        heapq.heappush(self._heap, (self._monotonic + max(0.0, delay), next(self._order), timer))
        return timer

    def call_at(self, at: float, call: Callable[[], object], /) -> Timer:
        self.signs += 1
        timer = VirtualTimer(call)
        heapq.heappush(self._wall, (at, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float, /) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: future.set_result(None))
        try:
            await future
        finally:
            timer.cancel()

    def timeout(self, seconds: float, /) -> VirtualTimeout:
        return VirtualTimeout(self, seconds)

    async def shielded(self, future: Future[T], /) -> T:
        return await asyncio.shield(future)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]

    async def settle(self) -> None:
        """Let everything that can happen now happen; no time passes."""
        quiet, signs = 0, self.signs
        while quiet < QUIET:
            await asyncio.sleep(0)
            quiet = quiet + 1 if signs == self.signs else 0
            signs = self.signs

    async def advance(self, seconds: float) -> None:
        """Let time pass; each timer fires at its own time, what it causes happens before the next."""
        await self.settle()
        end = self._monotonic + seconds
        while (found := self._next(end)) is not None:
            at, timer = found
            if timer.call is not None:
                self._monotonic = max(self._monotonic, at)
                timer.call()
                await self.settle()
        self._monotonic = max(self._monotonic, end)
        await self.settle()

    def _next(self, end: float) -> tuple[float, VirtualTimer] | None:
        """The first timer of either clock until `end`, both monotonic."""
        first = self._heap[0][0] if self._heap else math.inf
        wall = self._wall[0][0] - self._epoch if self._wall else math.inf
        if min(first, wall) > end:
            return None
        return min(first, wall), heapq.heappop(self._heap if first <= wall else self._wall)[2]

    async def jump(self, seconds: float) -> None:
        """The wall clock is set, forward or back, or the machine was suspended; no other time passes."""
        await self.settle()
        self._epoch += seconds
        await self.advance(0.0)

    def owns(self, task: asyncio.Task[Any] | None) -> bool:
        """It was spawned here, so it dies with the host."""
        return task in self._tasks

    async def kill(self) -> None:
        """Every task dies where it stands, every timer is forgotten: the host has crashed."""
        self.going = True
        self._heap.clear()
        self._wall.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.going = False
