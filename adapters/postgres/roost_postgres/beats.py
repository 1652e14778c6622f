"""The beats of this process: a thread with a connection of its own, so that no work of the event loop delays them.

It stops while the event loop does not run: a process that does nothing must not keep its agents from others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from .hosts import BEAT

if TYPE_CHECKING:
    from .links import Connection
    from .member import Incarnation, Member

EVERY: Final = 1.0
"""Seconds between two beats."""
STUCK: Final = 5.0
"""Seconds without a run of the event loop after which no beat is sent."""
PATIENCE: Final = 2.0
"""Seconds for which an answer is waited for."""
_FAILED: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Beats:
    """Started and stopped in the event loop of its member."""

    def __init__(self, dsn: str, member: Member, *, cached: bool) -> None:
        self._dsn = dsn
        self._member = member
        self._options: dict[str, Any] = {} if cached else {"statement_cache_size": 0}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="roost-beats", daemon=True)
        self._stop = threading.Event()
        self._own: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        """The thread's loop, and what ends its pause."""
        self._seen: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._see()
        self._thread.start()

    async def stop(self) -> None:
        self._stop.set()
        if self._own is not None:
            with suppress(RuntimeError):  # it has ended
                self._own[0].call_soon_threadsafe(self._own[1].set)
        if self._seen is not None:
            self._seen.cancel()
        await asyncio.to_thread(self._thread.join, EVERY + 2 * PATIENCE)

    def _see(self) -> None:
        self._member.seen = time.monotonic()
        self._seen = self._loop.call_later(EVERY / 2, self._see)

    # In the thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._beat_on())

    async def _beat_on(self) -> None:
        link: Connection | None = None
        halt = asyncio.Event()
        self._own = asyncio.get_running_loop(), halt
        while not self._stop.is_set():
            began = time.monotonic()
            one = self._member.current
            if one.name and began - self._member.seen < STUCK:
                link = await self._beat(link, one)
            with suppress(TimeoutError):
                await asyncio.wait_for(halt.wait(), max(0.0, began + EVERY - time.monotonic()))
        if link is not None:
            with suppress(*_FAILED):
                await link.close(timeout=PATIENCE)

    async def _beat(self, link: Connection | None, one: Incarnation) -> Connection | None:
        try:
            if link is None or link.is_closed():
                link = await asyncpg.connect(self._dsn, timeout=PATIENCE, command_timeout=PATIENCE, **self._options)
            sent = time.monotonic()
            at = await link.fetchval(BEAT, one.name.encode())
        except _FAILED:
            if link is not None:
                link.terminate()
            return None
        if at is None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._member.over, one)
        else:
            self._member.beaten(one, at, sent)
        return link
