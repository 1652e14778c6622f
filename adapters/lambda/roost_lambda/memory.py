"""What the store remembers of agents between calls, so that a warm process reads only what changed.

A version names its content for ever, so what is kept under the version that wrote it can't be stale. Heads can:
a commit that was made from another one is refused by its condition, and reads again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.commit import Row, Schedule
from roost.contract.trigger import Source

from .client import Item
from .head import Head

if TYPE_CHECKING:
    from roost.contract.job import LiveJob

AGENTS: Final = 512
"""Agents that are remembered."""


class Known:
    """One agent."""

    __slots__ = ("head", "jobbed", "jobs", "peered", "peers", "scheduled", "schedules", "sent", "state", "stated")

    def __init__(self) -> None:
        self.head: Head | None = None
        self.stated = 0
        self.state: bytes | None = None
        self.scheduled = 0
        self.schedules: dict[str, Schedule] = {}
        self.peered = 0
        self.peers: dict[str, Row] = {}
        self.jobbed = 0
        self.jobs: dict[str, LiveJob] = {}
        """Live ones by uid, in the order of their start."""
        self.sent: dict[str, str] | None = None
        """Sort keys of the envelopes under way by id; None = not known."""


class Held:
    """A lease of this process."""

    __slots__ = ("fence", "heard", "owner", "said", "until")

    def __init__(self, fence: int, owner: str, until: float, heard: int) -> None:
        self.fence = fence
        self.owner = owner
        self.until = until
        self.heard = heard
        """What the bell was when the letters were last read."""
        self.said = False
        """Whoever took the agent was told how it came by it."""


class Memory:
    """All agents, the least recently used forgotten first; leases are never forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[Address, Known] = OrderedDict()
        self.held: dict[Address, Held] = {}
        self.asked: dict[Address, tuple[Source, str, str]] = {}
        """Ids whose outcomes will be asked for when their agent is taken: read with it."""
        self.early: dict[Address, tuple[str, Item | None]] = {}
        """Such outcomes, each by its sort key, to be used once."""

    def of(self, address: Address) -> Known:
        """What is known; it can be changed."""
        found = self._known.get(address)
        if found is None:
            found = self._known[address] = Known()
            while len(self._known) > AGENTS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(address)
        return found

    def let_go(self, address: Address) -> None:
        """The lease is given back, or lost."""
        self.held.pop(address, None)
        self.early.pop(address, None)

    def forget(self, address: Address) -> None:
        self._known.pop(address, None)
