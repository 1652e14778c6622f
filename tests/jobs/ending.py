"""A job in a world, until it has ended."""

from __future__ import annotations

from typing import Any

from roost.testing.jobs import JobState
from roost.testing.world import World


async def ended(w: World, kind: type[Any], key: str, id: str, hours: int = 3) -> JobState:
    """The job once it has ended."""
    found = await w.job(kind, key, id)
    for _ in range(hours * 4):
        if found.status == "ended":
            return found
        await w.advance(minutes=15)
        found = await w.job(kind, key, id)
    raise AssertionError(f"it does not end: {found}")
