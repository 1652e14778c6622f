"""The write connection, as the statements of jobs want it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from roost.hosting.jobs.tables import Dialect


def _same(data: bytes) -> bytes:
    return data


DIALECT: Final = Dialect(True, _same, _same)


class Statements:
    """Fills `roost.hosting.jobs.tables.Sql` on the write connection."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def run(self, sql: str, *values: Any) -> int:
        return self._cursor.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        found: list[tuple[Any, ...]] = self._cursor.execute(sql, values).fetchall()
        return found
