"""An entry of the event log as authors and subscribers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .commit import Entry
from .legible import legible


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` is dense per agent from 1; `at` epoch seconds of the tick that recorded it."""

    seq: int
    kind: str
    data: Any
    at: float

    @classmethod
    def of(cls, entry: Entry) -> Event:
        return cls(entry.seq, entry.kind, legible(entry.data), entry.at)
