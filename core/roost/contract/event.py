"""An entry of the event log as authors and subscribers see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from .commit import Entry


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` is dense per agent from 1; `at` epoch seconds of the tick that recorded it."""

    seq: int
    kind: str
    data: Any
    at: float

    @classmethod
    def of(cls, entry: Entry) -> Event:
        return cls(entry.seq, entry.kind, from_json(entry.data), entry.at)
