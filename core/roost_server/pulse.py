"""Pings for all connections of a server, from one timer.

A timer per connection would cost memory for every idle one, and a single sweep would write to thousands
of sockets in one turn of the loop. So the connections are dealt over a ring of groups, and each beat of the
timer pings one group: every connection once an interval, the work spread evenly. Any byte from the peer
counts as an answer. A connection whose reading is paused can't show its pong and is left alone.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from typing import Final, Protocol

GROUPS: Final = 20


class Beating(Protocol):
    def beat(self) -> None:
        """Give up if the last ping went unanswered, else send the next. Called once an interval."""


class Pulse:
    """Runs while it has members. `interval` in seconds; None never pings."""

    __slots__ = ("_at", "_deal", "_groups", "_interval", "_loop", "_members", "_timer")

    def __init__(self, loop: AbstractEventLoop, interval: float | None) -> None:
        self._loop = loop
        self._interval = interval
        self._groups: list[set[Beating]] = [set() for _ in range(GROUPS)]
        self._members: dict[Beating, int] = {}
        self._deal = 0
        self._at = 0
        self._timer: TimerHandle | None = None

    def add(self, member: Beating) -> None:
        if self._interval is None:
            return
        self._deal = (self._deal + 1) % GROUPS
        self._groups[self._deal].add(member)
        self._members[member] = self._deal
        if self._timer is None:
            self._timer = self._loop.call_later(self._interval / GROUPS, self._next, self._interval / GROUPS)

    def discard(self, member: Beating) -> None:
        group = self._members.pop(member, None)
        if group is not None:
            self._groups[group].discard(member)
        if self._timer is not None and not self._members:
            self._timer.cancel()
            self._timer = None

    def _next(self, seconds: float) -> None:
        self._at = (self._at + 1) % GROUPS
        self._timer = self._loop.call_later(seconds, self._next, seconds)
        for member in tuple(self._groups[self._at]):  # a beat may discard its member
            member.beat()
