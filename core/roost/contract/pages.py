"""Pages by bytes: how many rows to read next, so that a page costs about as much whatever its rows hold."""

from __future__ import annotations

from typing import Final

BYTES: Final = 256 * 1024
"""Of a page, about: its rows are known only when they are read."""
FIRST: Final = 8
MOST: Final = 128


class Pages:
    """`size`: rows of the next page; `took` says what the last one weighed."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = FIRST

    def took(self, rows: int, weight: int) -> None:
        """A page had so many rows and bytes. It at most doubles: what follows may be heavier."""
        fits = MOST if not weight else max(1, rows * BYTES // weight)
        self.size = min(fits, self.size * 2, MOST)
