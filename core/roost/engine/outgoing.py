"""The envelopes of one agent that are under way: data, which `delivery` moves."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..contract.commit import Envelope
    from ..ports import Timer


class Aside:
    """A receiver that could not be reached, and what waits for it."""

    __slots__ = ("envelopes", "failures", "until")

    def __init__(self) -> None:
        self.envelopes: deque[Envelope] = deque()
        self.failures = 0
        self.until = 0.0
        """Monotonic seconds; not to be tried before."""


class Outgoing:
    """The envelopes of one cell that are under way."""

    __slots__ = ("aside", "carrying", "left", "line", "timer")

    def __init__(self) -> None:
        self.line: deque[Envelope] = deque()
        self.aside: dict[Address, Aside] = {}
        self.left: set[Address] = set()
        """Receivers that were given up until the next load: what is told them meanwhile waits behind, in the store."""
        self.carrying = False
        self.timer: Timer | None = None

    def add(self, envelope: Envelope) -> bool:
        """Whether it is under way now."""
        if envelope.to in self.left:
            return False
        aside = self.aside.get(envelope.to)
        (self.line if aside is None else aside.envelopes).append(envelope)
        return True

    def put_aside(self, envelope: Envelope) -> Aside:
        """It was not delivered: it and what follows it to the same receiver must wait."""
        aside = self.aside.get(envelope.to)
        if aside is None:
            aside = self.aside[envelope.to] = Aside()
            aside.envelopes.append(envelope)
            aside.envelopes += [x for x in self.line if x.to == envelope.to]
            self.line = deque(x for x in self.line if x.to != envelope.to)
        else:  # the one that was tried again
            aside.envelopes.appendleft(envelope)
        aside.failures += 1
        return aside

    def take(self, now: float) -> Envelope | None:
        """The next to deliver: of those aside first, as they are older."""
        for to, aside in self.aside.items():
            if aside.until <= now:
                envelope = aside.envelopes.popleft()
                if not aside.envelopes and not aside.failures:
                    del self.aside[to]
                return envelope
        return self.line.popleft() if self.line else None

    def reached(self, to: Address) -> None:
        """What waits for the receiver goes on at once."""
        aside = self.aside.get(to)
        if aside is not None:
            aside.failures, aside.until = 0, 0.0
            if not aside.envelopes:
                del self.aside[to]

    def give_up(self, to: Address) -> list[Envelope]:
        """Until the next load; what was under way to it."""
        self.left.add(to)
        return list(self.aside.pop(to).envelopes)
