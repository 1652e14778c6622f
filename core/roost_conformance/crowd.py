"""Cases that die together: each comes to its crash, and when all that still run have come, the host dies once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from .harness import Harness


@dataclass(slots=True)
class _Place:
    """Of one case, and of the tasks that it starts."""

    taken: bool = True


_PLACE: Final[ContextVar[_Place]] = ContextVar("roost_conformance_place")


class Crowd:
    """`async with crowd.member()` around each of `count` cases.

    `gate`: as many begin at once as it lets through; who has come to its crash makes room for the next.
    """

    def __init__(self, harness: Harness, count: int, gate: asyncio.Semaphore) -> None:
        self._harness = harness
        self._gate = gate
        self._running = count
        self._waiting: list[asyncio.Future[None]] = []
        self._crash: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def member(self) -> AsyncGenerator[None]:
        await self._gate.acquire()
        _PLACE.set(_Place())
        try:
            yield
        finally:
            self._make_room()
            self._running -= 1
            self._look()

    def _make_room(self) -> None:
        place = _PLACE.get()
        if place.taken:
            place.taken = False
            self._gate.release()

    async def crash(self) -> None:
        """Returns when the host is up again."""
        self._make_room()
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
