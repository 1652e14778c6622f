"""What a deliberate defect is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest

Patch: TypeAlias = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One defect. `bug`: it was a real one, found by the simulation."""

    name: str
    patch: Patch
    store: str = "memory"
    bug: bool = False
    first: int = 0
    """The first seed that is tried."""
    jobs: bool = False
    """Whether the agents of its worlds have jobs."""
    streams: bool = False
    """Whether what its jobs do is streamed too."""
    told: bool = False
    """Whether its jobs wait for signals, and ask."""
    slow: bool = False
    """It takes a minute and more: run by `-m long` only."""
