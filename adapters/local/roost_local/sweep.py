"""Expired inbox rows leave in small steps, while their agent commits.

A first and then every 256th keyed commit looks at the next `STEP` rows of its agent, going round: four rows a
commit, so of a steady stream at most a quarter more is kept than must be. Only the agent's own time counts:
another's may be ahead.
"""

from __future__ import annotations

import sqlite3
from typing import Final

EVERY: Final = 256
STEP: Final = 1024
AGENTS: Final = 50_000

_EDGE: Final = f"SELECT id FROM inbox WHERE aid=? AND id>? ORDER BY id LIMIT 1 OFFSET {STEP}"
_DELETE: Final = "DELETE FROM inbox WHERE aid=? AND id>? AND id<=? AND expires<=?"
_DELETE_REST: Final = "DELETE FROM inbox WHERE aid=? AND id>? AND expires<=?"


class Place:
    """One agent's place in the round."""

    __slots__ = ("after", "left")

    def __init__(self) -> None:
        self.left = 0
        self.after = ""


class Sweep:
    """Counts keyed commits and remembers how far each agent's inbox was looked at."""

    __slots__ = ("_cursor", "_places")

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._places: dict[int, Place] = {}

    def keyed(self, aid: int, at: float) -> None:
        """One more keyed commit of this agent."""
        place = self._places.get(aid)
        if place is None:
            if len(self._places) >= AGENTS:
                del self._places[next(iter(self._places))]
            place = self._places[aid] = Place()
        if place.left:
            place.left -= 1
        else:
            place.left = EVERY - 1
            place.after = self._step(aid, place.after, at)

    def _step(self, aid: int, after: str, at: float) -> str:
        edge = self._cursor.execute(_EDGE, (aid, after)).fetchone()
        if edge is None:
            self._cursor.execute(_DELETE_REST, (aid, after, at))
            return ""
        self._cursor.execute(_DELETE, (aid, after, edge[0], at))
        return str(edge[0])
