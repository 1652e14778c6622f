"""Timers of all agents: one, set to the earliest `armed` in the store. Memory does not grow with agents.

What is due is due by the wall clock, so the timer is one of the wall clock: a suspend or a clock that is set moves it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from ..contract.address import Address
from ..contract.commit import Snapshot
from ..contract.errors import RoostError
from ..engine.runtime import Runtime
from ..ports import Host, Timer

RESCAN = 5.0
"""Seconds after which an agent that is still due is woken again: its wake was lost or failed."""
BATCH = 100
"""Agents that are read at once and woken before others get the loop."""

log = logging.getLogger("roost")


class DueStore(Protocol):
    """What the timers ask of a store besides its port."""

    def due(self, now: float, limit: int) -> Sequence[tuple[Address, float]]: ...
    def next_armed(self, after: float) -> float | None: ...
    def unfinished(self, limit: int, after: Address | None = None) -> Sequence[Address]: ...
    def ahead(self, addresses: Sequence[Address]) -> Mapping[Address, Snapshot]:
        """What their loads would find, read at once where that is cheaper; any may be left out."""
        ...


class Timers:
    """Fills the port `Alarms`."""

    def __init__(self, store: DueStore, host: Host) -> None:
        self._store = store
        self._host = host
        self._timer: Timer | None = None
        self._at: float | None = None
        self._firing = False
        self._said = ""
        """The failure that the log was told last."""
        self.runtime: Runtime | None = None

    async def arm(self, address: Address, at: float | None) -> None:
        if at is not None and (self._at is None or at < self._at):
            self._set(at)

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        await self.arm(address, at)  # the store tells of both

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        self._timer = self._host.call_at(at, self._fire)

    def start(self) -> None:
        """Wake what the last process left undone, then follow the store."""
        assert self.runtime is not None
        self._host.spawn(self._redrive())
        self._fire()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self.runtime = None

    def _fire(self) -> None:
        self._timer = self._at = None
        if not self._firing and self.runtime is not None:
            self._firing = True
            self._host.spawn(self._wake_due())

    async def _wake_due(self) -> None:
        try:
            now = self._host.now()
            rows = self._store.due(now, 50_000)
            self._said = ""
            await self._wake([address for address, _ in rows])
            later = self._store.next_armed(now)
            if rows:
                later = now + RESCAN if later is None else min(later, now + RESCAN)
            if later is not None and (self._at is None or later < self._at):
                self._set(later)
        except Exception as error:
            self._unread(error)
            self._set(self._host.now() + RESCAN)
        finally:
            self._firing = False

    def _unread(self, error: Exception) -> None:
        """Said once, not each time, until the store is read again; a defect of ours with its traceback."""
        said = f"{type(error).__name__}: {error}"
        if said != self._said:
            self._said = said
            trace = None if isinstance(error, RoostError) else error
            log.error("the timers can't read the store: %s; trying each %.0f s", said, RESCAN, exc_info=trace)

    async def _redrive(self) -> None:
        after: Address | None = None
        while self.runtime is not None:
            try:
                found = self._store.unfinished(1000, after)
            except Exception as error:
                self._unread(error)
                await self._host.sleep(RESCAN)
                continue
            if not found:
                return
            await self._wake(found)
            after = found[-1]

    async def _wake(self, addresses: Sequence[Address]) -> None:
        for start in range(0, len(addresses), BATCH):
            runtime = self.runtime
            if runtime is None:
                return
            batch = addresses[start : start + BATCH]
            try:
                found = self._store.ahead([one for one in batch if runtime.asleep(one)])
            except RoostError:
                found = dict[Address, Snapshot]()  # each load will say what is wrong
            for address in batch:
                runtime.rouse(address, found.get(address))
            await self._host.sleep(0)
