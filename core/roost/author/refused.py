"""Which refusals of operators' routes are written down: of many in a row some stand for all."""

from __future__ import annotations

from typing import Final

REFUSALS: Final = 20
"""In a minute and a process: whoever has no token must not fill a store, nor make its owner pay for it."""


class Refusals:
    """One a process."""

    __slots__ = ("_count", "_since", "_untold")

    def __init__(self) -> None:
        self._since = float("-inf")
        self._count = self._untold = 0

    def next(self, now: float) -> int | None:
        """How many were passed over since the last one told; None: this one is passed over too. `now`: monotonic."""
        if not 0 <= now - self._since < 60:
            self._since, self._count = now, 0
        if self._count >= REFUSALS:
            self._untold += 1
            return None
        self._count += 1
        untold, self._untold = self._untold, 0
        return untold
