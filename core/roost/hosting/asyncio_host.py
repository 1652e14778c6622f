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
from typing import Any, Final, TypeVar, cast

from ..author.agent import Agent
from ..ports import Future, Host, Timeout, Timer

T = TypeVar("T")
FOLLOW: Final = 1.0
"""Seconds after which a timer of the wall clock looks at it again: it may have been set, or the machine suspended."""
log = logging.getLogger("roost")


class WallTimer:
    """A call at a time of the wall clock. Sleeps are short, because the loop's clock does not see the wall's jumps."""

    __slots__ = ("_at", "_call", "_host", "_timer")

    def __init__(self, host: Host, at: float, call: Callable[[], object]) -> None:
        self._host = host
        self._at = at
        self._call = call
        self._timer = host.call_later(self._pause(), self._look)

    def _pause(self) -> float:
        return max(0.0, min(FOLLOW, self._at - self._host.now()))

    def _look(self) -> None:
        if self._host.now() < self._at:
            self._timer = self._host.call_later(self._pause(), self._look)
        else:
            self._call()

    def cancel(self) -> None:
        self._timer.cancel()


def report_lost_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Have the log name the agent whose handler began a task that failed and that nobody awaited; unless the loop has a
    handler of its own."""
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_unhandled)


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException) and isinstance(context.get("future"), asyncio.Task):
        log.error("%s began a task that failed, and did not await it", _whose(error), exc_info=error)
    else:
        loop.default_exception_handler(context)


def run_through(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. A SystemExit of another task ends that task and not the process: asyncio lets it out of the
    loop, which then goes on where it was."""
    task = loop.create_task(work)
    while True:
        try:
            return loop.run_until_complete(task)
        except SystemExit as error:
            if task.done():
                raise
            log.error("%s began a task that tried to end the process", _whose(error), exc_info=error)


def _whose(error: BaseException) -> str:
    """The agent and what it did, as the frames of its code tell."""
    trace = error.__traceback__
    while trace is not None:
        for found in trace.tb_frame.f_locals.values():
            if isinstance(found, Agent) and "_tick" in vars(found):
                tick = found._tick  # pyright: ignore[reportPrivateUsage]
                return f"{tick.address} {tick.trigger.what}"
        trace = trace.tb_next
    return "the app"


class AsyncioTasks:
    """Who ends a task of asyncio: its host, or code that it runs."""

    going = False
    """The host has begun to cancel its tasks."""

    def call_soon(self, call: Callable[[], object], /) -> None:
        asyncio.get_running_loop().call_soon(call)

    def ending(self) -> bool:
        return self.going

    def cancelled(self) -> bool:
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0 and not self.ending()

    async def uncancel(self) -> None:
        task = asyncio.current_task()
        while task is not None and task.uncancel() > 0:
            pass
        try:
            await asyncio.sleep(0)  # before Python 3.13 a cancellation that was taken back strikes all the same
        except asyncio.CancelledError:
            if self.ending():
                raise

    def gate(self, pending: Any, /) -> Future[Any] | None:
        if not (isinstance(pending, asyncio.Task) or hasattr(pending, "_children")):  # the latter: asyncio.gather's
            return None
        waited = cast("asyncio.Future[Any]", pending)
        waited._asyncio_future_blocking = False  # as the task that waits for it would
        gate: asyncio.Future[None] = waited.get_loop().create_future()

        def done(_: object) -> None:
            if not gate.done():
                gate.set_result(None)

        waited.add_done_callback(done)
        return gate


class AsyncioHost(AsyncioTasks):
    """Clock, entropy and tasks of the running loop."""

    def __init__(self, seed: int | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        bits = Random(SystemRandom().getrandbits(128) if seed is None else seed).getrandbits
        self._tasks: set[asyncio.Task[Any]] = set()
        report_lost_tasks(self.loop)
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

    async def in_thread(self, call: Callable[[], T], /) -> T:
        return await self.loop.run_in_executor(None, call)

    def call_later(self, delay: float, call: Callable[[], object], /) -> Timer:
        return self.loop.call_later(delay, call)

    def call_at(self, at: float, call: Callable[[], object], /) -> Timer:
        return WallTimer(self, at, call)

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float, /) -> Timeout:
        return asyncio.timeout(seconds)

    async def shielded(self, future: Future[T], /) -> T:
        return await asyncio.shield(future)  # pyright: ignore[reportArgumentType, reportUnknownVariableType]

    async def close(self) -> None:
        """Cancel what is still running and wait for it."""
        self.going = True
        tasks = [t for t in self._tasks if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
