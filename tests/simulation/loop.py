"""An event loop whose time is virtual: when nothing is ready it is the next timer's time at once.

asyncio's own loop with its selector replaced, so that tasks, timeouts and locks are the real ones. One thread, no
I/O, and ready calls run in the order they were made: what happens depends on nothing but the program.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """Nothing is ready and no timer is set: what was awaited will never come."""


class Spinning(Exception):
    """Work goes on and on and no time passes."""


PATIENCE = 50_000
"""Turns in one instant."""


class _Clockwork:
    """Stands where the selector does: instead of waiting, moves the time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self._loop.pass_time(timeout)
        return []

    def close(self) -> None:
        """Nothing was opened."""


class VirtualLoop(BaseEventLoop):
    """See the file's head."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Clockwork(self)
        self._virtual = 0.0
        self.turns = 0
        """In this instant."""

    def time(self) -> float:
        return self._virtual

    def pass_time(self, seconds: float) -> None:
        if seconds > 0:
            self.turns = 0
            self._virtual += seconds
            return
        self.turns += 1
        if self.turns > PATIENCE:
            self.turns = 0
            raise Spinning

    def _process_events(self, event_list: list[Any]) -> None:
        """There is no I/O."""

    def _write_to_self(self) -> None:
        """There are no other threads."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main` on a loop of its own; what it leaves running is cancelled."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            with suppress(Spinning, Stuck):
                loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
