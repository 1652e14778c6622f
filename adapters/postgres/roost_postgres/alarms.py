"""Alarms of what this host holds, and of jobs it has looked at: one timer for all, set to the earliest."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

from roost.contract.address import Address
from roost.ports import Host, Timer


class Line:
    """Times of agents, each as last told."""

    def __init__(self, host: Host, ring: Callable[[Address], None]) -> None:
        self._host = host
        self._ring = ring
        self._at: dict[Address, float] = {}
        self._heap: list[tuple[float, Address]] = []
        self._timer: Timer | None = None
        self._set_for = 0.0

    def arm(self, address: Address, at: float | None) -> None:
        if at is None:
            self._at.pop(address, None)
            return
        if self._at.get(address) != at:
            self._at[address] = at
            heappush(self._heap, (at, address))
            self._set()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._at.clear()
        self._heap.clear()

    def _set(self) -> None:
        at = self._heap[0][0]
        if self._timer is not None:
            if self._set_for <= at:
                return
            self._timer.cancel()
        self._set_for = at
        self._timer = self._host.call_at(at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._host.now()
        while self._heap and self._heap[0][0] <= now:
            at, address = heappop(self._heap)
            if self._at.get(address) == at:  # else it was told another time since
                del self._at[address]
                self._ring(address)
        if self._heap:
            self._set()


class HostAlarms:
    """Fills `Alarms`."""

    def __init__(self, host: Host, rouse: Callable[[Address], None], look: Callable[[Address], None]) -> None:
        self._agents = Line(host, rouse)
        self._jobs = Line(host, look)

    async def arm(self, address: Address, at: float | None) -> None:
        self._agents.arm(address, at)

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        self._jobs.arm(address, at)

    def forget(self, address: Address) -> None:
        """The agent was given back: whoever looks at the column comes for it."""
        self._agents.arm(address, None)

    def stop(self) -> None:
        self._agents.stop()
        self._jobs.stop()
