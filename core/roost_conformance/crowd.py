"""Cases that die together: each comes to its crash, and when all that still run have come, the host dies once."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from .harness import Harness


class Crowd:
    """`async with crowd.member()` around each of `count` cases."""

    def __init__(self, harness: Harness, count: int) -> None:
        self._harness = harness
        self._running = count
        self._waiting: list[asyncio.Future[None]] = []
        self._crash: asyncio.Task[None] | None = None

    @contextmanager
    def member(self) -> Generator[None]:
        try:
            yield
        finally:
            self._running -= 1
            self._look()

    async def crash(self) -> None:
        """Returns when the host is up again."""
        over = asyncio.get_running_loop().create_future()
        self._waiting.append(over)
        self._look()
        try:
            await over
        finally:
            if over in self._waiting:
                self._waiting.remove(over)

    def _look(self) -> None:
        if self._waiting and len(self._waiting) >= self._running and self._crash is None:
            self._crash = asyncio.create_task(self._die())

    async def _die(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            await self._harness.crash()
        except BaseException as error:
            for over in waiting:
                if not over.done():
                    over.set_exception(error)
        else:
            for over in waiting:
                if not over.done():
                    over.set_result(None)
        self._crash = None
        self._look()
