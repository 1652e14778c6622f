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


class Turn:
    """One agent's place in the round."""

    __slots__ = ("after", "left")

    def __init__(self) -> None:
        self.left = 0
        self.after = ""


class Sweep:
    """Counts keyed commits and remembers how far each agent's inbox was looked at."""

    __slots__ = ("_cursor", "_turns")

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._turns: dict[int, Turn] = {}

    def keyed(self, aid: int, at: float) -> None:
        """One more keyed commit of this agent."""
        turn = self._turns.get(aid)
        if turn is None:
            if len(self._turns) >= AGENTS:
                del self._turns[next(iter(self._turns))]
            turn = self._turns[aid] = Turn()
        if turn.left:
            turn.left -= 1
        else:
            turn.left = EVERY - 1
            turn.after = self._step(aid, turn.after, at)

    def _step(self, aid: int, after: str, at: float) -> str:
        edge = self._cursor.execute(_EDGE, (aid, after)).fetchone()
        if edge is None:
            self._cursor.execute(_DELETE_REST, (aid, after, at))
            return ""
        self._cursor.execute(_DELETE, (aid, after, edge[0], at))
        return str(edge[0])
