"""Cases about time, on deployments of any speed: a try that was too slow is made again with more time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

PACES: Final = (0.4, 1.6, 6.4, 25.6)
"""Seconds that one try gives the deployment for what must happen in between."""


async def paced(attempt: Callable[[float], Awaitable[bool]]) -> None:
    """Try with ever more seconds, until an attempt says that it proved something (False: it was too slow)."""
    for seconds in PACES:
        if await attempt(seconds):
            return
    raise AssertionError(f"this deployment does not get one step done in {PACES[-1]} s")
