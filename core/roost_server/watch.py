"""The connections of one server that are in the middle of something, or rest. One timer looks at all of them."""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .intake import Terms

log = logging.getLogger("roost.server")


class Watched(Protocol):
    """A connection, as far as it is watched; `Intake` is one."""

    @property
    def idle(self) -> bool:
        """It waits for a request that is not there yet."""
        ...

    def late(self) -> None:
        """Its time is over."""

    def unread(self) -> None:
        """Of its answer little was read for too long."""

    def rested(self) -> None:
        """No other request came."""

    def cut(self) -> None:
        """End it now."""


class Watch:
    """The connections of one server that are in the middle of something, and until when they may be."""

    def __init__(self, loop: AbstractEventLoop, terms: Terms) -> None:
        self.loop = loop
        self.most = terms.most()
        self.waiting: dict[Watched, float] = {}
        """Heads and bodies that are under way, the oldest first."""
        self.stalled: dict[Watched, float] = {}
        """Answers that are not read."""
        self.resting: dict[Watched, float] = {}
        """Connections between two requests: a dictionary, where a timer for each answer would cost more than it."""
        self.dying = 0
        """Connections that were cut and are still counted."""
        self._pause = min(terms.head_timeout, terms.body_timeout, terms.stall_timeout) / 10
        self._timer: TimerHandle | None = None
        self._said = False

    def until(self, who: Watched, seconds: float) -> None:
        """`who` has so long."""
        self.waiting[who] = self.loop.time() + seconds
        self.start()

    def start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._pause, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        for who in _over(self.waiting, now):
            who.late()
        for who in _over(self.stalled, now):
            who.unread()
        for who in _over(self.resting, now):
            who.rested()
        again = self.waiting or self.stalled or self.resting
        self._timer = self.loop.call_later(self._pause, self._look) if again else None

    def room(self, open: int) -> bool:
        """Whether one more connection has room; makes some at the cost of one that has asked for nothing."""
        if open - self.dying < self.most:
            self._said = self._said and open - self.dying > self.most * 0.9
            return True
        if not self._said:
            self._said = True
            log.warning(
                "%d connections are open, which is the limit (ulimit -n): silent ones are closed, more are refused",
                self.most,
            )
        for oldest in [who for who in self.waiting if who.idle]:
            oldest.cut()
            if open - self.dying < self.most:
                return True
        return False


def _over(held: Mapping[Watched, float], now: float) -> list[Watched]:
    return [who for who, edge in held.items() if edge <= now]
