"""The head of an agent: its item L, read."""

from __future__ import annotations

from dataclasses import dataclass

from roost.contract.commit import SCHEMA

from . import keys, rows
from .client import Item
from .columns import HEAD


@dataclass(slots=True)
class Head:
    """Mutable: a commit moves the copy in memory on. An item that is missing is an agent never made."""

    fence: int = 0
    owner: str = ""
    until: float = 0.0
    prior: float = 0.0
    """What `until` was when the agent was last taken; 0 = it had been given back."""
    bell: int = 0
    """How often somebody rang."""
    claimed: int = 0
    """What `bell` was when the agent was last taken."""
    heard: int = 0
    """What `bell` was when somebody last left having looked."""
    left: bool = False
    """Letters were left behind."""
    made: bool = False
    """A commit was made of it: it has a version."""
    schema: int = SCHEMA
    generation: int = 1
    version: int = 0
    at: float = 0.0
    seq: int = 0
    first: int | None = None
    """Number of the first log entry of this epoch."""
    sgen: int = 0
    due: float | None = None
    armed: float | None = None
    released: int = 0
    epoch: str = keys.FIRST
    state: bytes | None = None
    """The state itself, when it is small."""
    pieces: int = 0
    """How many S# rows the state is in; 0 = it is none or inline."""
    stated: int = 0
    """The version that wrote those rows."""
    state_version: int = 1
    scheduled: int | None = None
    """The version that last changed the schedules; None = there are none."""
    peered: int | None = None
    """The version that last changed the connections; None = there are none."""
    jobbed: int | None = None
    """The version that last started or ended jobs; None = none lives."""
    sending: bool = False
    """Envelopes may be under way."""
    dead: int = 0
    nonce: bytes = b""
    """Tells a commit's own success from another's, when its answer was lost."""

    @property
    def exists(self) -> bool:
        return self.state is not None or self.pieces > 0

    @property
    def life(self) -> str:
        """What marks the letters of this agent. Destroying changes it, an import does not: what waits then is its."""
        return str(self.generation)

    @property
    def imported(self) -> bool:
        """The letters of an import are marked with the epoch that it began: the head shows all of them at once."""
        return "." in self.epoch

    def owns(self, letter: Item) -> bool:
        """A letter is this agent's: not of an earlier life, nor of an import that never came to be."""
        mark = rows.text(letter, "e")
        return mark == self.life or (mark == self.epoch and self.imported)

    @property
    def first_ring(self) -> bool:
        """Nobody rang since the agent was taken, but whoever made this head what it is."""
        return self.bell == self.claimed + 1

    @property
    def letters(self) -> bool:
        """Letters may wait."""
        return self.left or self.bell != self.heard

    @property
    def size(self) -> int:
        """Bytes of the state that is in the head."""
        return len(self.state or b"")


def head(item: Item | None) -> Head:
    """The item as read."""
    found = Head()
    if item is None:
        return found
    for field, column in HEAD.items():
        setattr(found, field, column.of(item))
    return found
