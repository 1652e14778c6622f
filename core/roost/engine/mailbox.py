"""An agent's waiting triggers in memory: two lanes, FIFO inside a lane (rule 14).

Lane order applies among waiting triggers and nothing is pre-empted; after `STREAK` urgent ticks in a row
one standard trigger runs, so that a busy urgent lane can't starve the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..author.action import Action
from ..contract.commit import Letter
from ..contract.errors import RoostError
from ..contract.result import TickResult
from ..contract.trigger import Trigger

STREAK: Final = 8
InboxKey = tuple[str, str, str]


class Waiting:
    """One trigger in line, with who wants its result."""

    __slots__ = (
        "action",
        "args",
        "broken",
        "done",
        "fingerprint",
        "followers",
        "kwargs",
        "letter",
        "live",
        "parked_as",
        "trigger",
    )

    def __init__(
        self,
        trigger: Trigger,
        done: Callable[[TickResult], None] | None = None,
        live: Callable[[bytes, bytes], None] | None = None,
        letter: Letter | None = None,
    ) -> None:
        self.trigger = trigger
        self.done = done
        self.live = live
        """Takes (chunk id, chunk) as they are made."""
        self.letter = letter
        self.parked_as = 0
        """Number of the letter as which another host parked this trigger; 0 = it did not."""
        self.action: Action | None = None
        self.broken: RoostError | None = None
        """Why what was stored of it can't be read: all that its run comes to."""
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.fingerprint: bytes = b""
        self.followers: list[Waiting] = []
        """Later arrivals of the same id: they get the same result."""


class Mailbox:
    """Waiting triggers of one agent."""

    __slots__ = ("_standard", "_streak", "_urgent", "ids")

    def __init__(self) -> None:
        self._urgent: deque[Waiting] = deque()
        self._standard: deque[Waiting] = deque()
        self._streak = 0
        self.ids: dict[InboxKey, Waiting] = {}
        """Waiting or running triggers that carry an id."""

    def __len__(self) -> int:
        return len(self._urgent) + len(self._standard)

    def put(self, waiting: Waiting) -> None:
        (self._urgent if waiting.trigger.lane == "urgent" else self._standard).append(waiting)

    def offer(self, waiting: Waiting, limit: int) -> bool:
        """`put`, unless as many wait."""
        standard, urgent = self._standard, self._urgent
        if len(standard) + len(urgent) >= limit:
            return False
        (urgent if waiting.trigger.lane == "urgent" else standard).append(waiting)
        return True

    def take(self) -> Waiting | None:
        """The next to run, or None."""
        if self._urgent and (self._streak < STREAK or not self._standard):
            self._streak += 1
            return self._urgent.popleft()
        self._streak = 0
        return self._standard.popleft() if self._standard else None

    def withdraw(self, chosen: Callable[[Waiting], bool]) -> list[Waiting]:
        """Take out the chosen ones."""
        out = [one for lane in (self._urgent, self._standard) for one in lane if chosen(one)]
        for one in out:
            (self._urgent if one.trigger.lane == "urgent" else self._standard).remove(one)
        return out

    def clear(self) -> list[Waiting]:
        """Empty it; what was in it."""
        out = [*self._urgent, *self._standard]
        self._urgent.clear()
        self._standard.clear()
        self.ids.clear()
        return out
