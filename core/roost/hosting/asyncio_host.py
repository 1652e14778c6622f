"""The host over asyncio: the core's only door to the event loop, the clock and entropy.

Every backend runs on an asyncio loop (uvloop, Pyodide's webloop, Lambda's), so this one file stands in the
core beside the ports it fills; the lint rule that bans the loop from `roost` exempts it alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random, SystemRandom
from typing import Any, TypeVar

from ..ports import Future, Timeout, Timer

T = TypeVar("T")
log = logging.getLogger("roost")


class AsyncioHost:
    """Clock, entropy and tasks of the running loop."""

    def __init__(self, seed: int | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        bits = Random(SystemRandom().getrandbits(128) if seed is None else seed).getrandbits
        self._tasks: set[asyncio.Task[Any]] = set()
        self.now: Callable[[], float] = time.time
        self.monotonic: Callable[[], float] = time.monotonic
        self.entropy: Callable[[], int] = partial(bits, 64)

    def future(self) -> Future[Any]:
        return self.loop.create_future()

    def spawn(self, work: Coroutine[Any, Any, Any], /, *, eager: bool = False) -> Timer:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task  # type: ignore[return-value]  # Task.cancel returns bool, a Timer's nothing that is used

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a background task failed", exc_info=error)

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        return self.loop.call_later(delay, call)

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float, /) -> Timeout:
        return asyncio.timeout(seconds)

    async def shielded(self, future: Future[T], /) -> T:
        return await asyncio.shield(future)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]

    async def close(self) -> None:
        """Cancel what is still running and wait for it."""
        tasks = [t for t in self._tasks if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
