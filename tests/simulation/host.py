"""The port `Host` of one simulated process: it can die, and its clock can be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from roost.contract.errors import TransientError
from roost.hosting.asyncio_host import AsyncioHost
from roost.ports import Timer
from roost.testing.clock import EPOCH

T = TypeVar("T")


class Never:
    """The timer of what will not happen."""

    def cancel(self) -> None:
        """Nothing runs."""


class SimHost(AsyncioHost):
    """Dies when told: its tasks are cancelled where they stand, its timers do nothing, its ports go nowhere."""

    def __init__(self, name: str, rng: Random, broken: Callable[[BaseException], None]) -> None:
        super().__init__(rng.getrandbits(64))
        self.name = name
        self.alive = True
        self.skew = 0.0
        """Seconds by which the wall clock is off; `monotonic` never is."""
        self._broken = broken
        self.now = self._now
        self.monotonic = self.loop.time
        self._running: dict[asyncio.Task[Any], None] = {}
        """In the order they were spawned: that of a set depends on addresses in memory."""

    def _now(self) -> float:
        return EPOCH + self.loop.time() + self.skew

    def spawn(self, work: Coroutine[Any, Any, Any], /, *, eager: bool = False) -> Timer:
        if not self.alive:
            work.close()
            return Never()
        task = self.loop.create_task(work)
        self._running[task] = None
        task.add_done_callback(self._ended)
        return task  # type: ignore[return-value]  # Task.cancel returns bool, a Timer's nothing that is used

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        return self.loop.call_later(delay, self._living, call)

    def _living(self, call: Callable[[], object]) -> None:
        if self.alive:
            call()

    def ending(self) -> bool:
        return not self.alive

    def die(self) -> None:
        """Like a process that was killed."""
        self.alive = False
        for task in list(self._running):
            task.cancel()

    async def dead(self) -> None:
        """Ends the caller if this host is dead: its own task as cancelled, a client's with a lost connection."""
        if self.alive:
            return
        if asyncio.current_task() in self._running:
            raise asyncio.CancelledError
        raise TransientError("the connection to the host was lost", code="lost")
