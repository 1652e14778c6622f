"""Expired inbox rows leave in small steps, while their agent commits.

A first and then every 256th keyed commit looks at the next `STEP` rows of its agent, going round: four rows a
commit, so of a steady stream at most a quarter more is kept than must be. Only the agent's own time counts:
another's may be ahead.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from .rows import SQL

EVERY: Final = 256
STEP: Final = 1024
AGENTS: Final = 50_000


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
        edge = self._cursor.execute(SQL.edge, (aid, after, STEP)).fetchone()
        if edge is None:
            self._cursor.execute(SQL.expired_rest, (aid, after, at))
            return ""
        self._cursor.execute(SQL.expired, (aid, after, edge[0], at))
        return str(edge[0])
