"""What commits are written with, and a line of what one writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from .client import Item
from .memory import Memory
from .table import Table

ITEMS: Final = 100
"""Lines of one transaction (DynamoDB)."""
HOLD: Final = 6.0
"""Seconds of a lease; commits extend it, and a timer while a tick runs: how long a dead holder keeps others waiting."""
WAITS: Final = 30 * 24 * 3600.0
"""Seconds for which an id that waits is remembered, beyond its letter's own time."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What commits are written with. `ring`: entries a log keeps; `now`: epoch seconds."""

    table: Table
    memory: Memory
    ring: int
    now: Callable[[], float]
    items: int = ITEMS
    """Lines a transaction may have."""


HEAVY: Final = 3 << 20
"""Bytes of the values in one transaction of an import, at most."""
Meaning = Literal["", "head", "outcome", "awaited", "deferred", "job"]
"""What it says when a line is refused: the head is another one; there is an outcome of the same id; who waited for the
answer took the trigger back; the letter to be put off is gone; a job is not as it was seen. "": nothing."""


class Write(NamedTuple):
    """A line of a transaction."""

    item: Item
    meaning: Meaning = ""
