"""The statements that stores on SQLite share: one text for a database of many agents, and for one of a single agent's.

Tables and columns are those of docs/contract.md, Layouts. Values come in the order of their marks; those that say whose
rows are meant stand in front of the other conditions, and behind what is set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

_CHECK: Final = "version=? AND gen=? AND fence<=?"
_TEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "head": ("key",), "kv": ("k",), "sched": ("k",), "inbox": ("id",),
}  # fmt: skip
"""Columns of text that count for the size of an agent."""
_BYTES: Final[Mapping[str, tuple[str, ...]]] = {
    "head": ("state",), "kv": ("v",), "sched": ("spec", "args"), "inbox": ("value",), "log": ("data",),
    "outbox": ("args",), "mail": ("args",), "dead": ("args", "error"), "conn": ("claims", "attachment"),
}  # fmt: skip
"""Columns of bytes that do."""
_NULL: Final = frozenset({"state", "claims", "attachment"})
LOST: Final = ("kv", "sched", "inbox", "log", "mail", "dead", "conn")
"""Tables that a destroyed agent leaves nothing in: all but `head` and `outbox`."""


class Statements:
    """`row`: the condition that finds an agent in `head`; `rows`: the one that finds what it has in the other tables,
    "" where they are its own. `time`: the mark of a time that may be NULL."""

    def __init__(self, row: str, rows: str, *, time: str = "?", expires: str) -> None:
        written = (
            f"UPDATE head SET schema=?,fence=?,version=?,at=?,seq=?,sgen=?,due={time},armed={time},released=?,"
            "waiting=waiting-?"
        )
        self._row, self._rows = row, rows
        self.check = where(row, _CHECK)
        """Of a commit: (base, generation, fence)."""
        self.update = written + self.check
        self.update_state = f"{written},state=?,state_version=?{self.check}"
        self.bury = (
            "UPDATE head SET schema=?,fence=?,version=?,at=?,seq=0,sgen=0,due=?,armed=?,released=?,waiting=0,dead=0,"
            f"state=NULL,state_version=1,gen=gen+1{self.check}"
        )
        self.lost = tuple(f"DELETE FROM {table}{where(rows)}" for table in LOST)
        self.head = f"SELECT version,gen,fence,state IS NOT NULL FROM head{where(row)}"
        self.fence = f"UPDATE head SET fence=fence+1{where(row)}"
        self.bring = f"UPDATE head SET ticket=ticket+?,waiting=waiting+?{where(row)} RETURNING ticket"
        """Numbers for letters: the last of them."""
        self.mourn = f"UPDATE head SET ticket=ticket+?,dead=dead+?{where(row)} RETURNING ticket"
        self.redrive = f"UPDATE head SET ticket=ticket+?,waiting=waiting+?,dead=dead-?{where(row)} RETURNING ticket"
        self.purged = f"UPDATE head SET dead=dead-?{where(row)}"
        self.missed = f"UPDATE head SET waiting=waiting+1{where(row)}"
        """A consumed letter was not there: `update` counted it all the same."""
        self.waiting = f"SELECT waiting FROM head{where(row)}"
        self.crowd = f"SELECT 1 FROM head{where(row, 'waiting>=?')}"
        self.share = f"SELECT count(*) FROM (SELECT 1 FROM mail{where(rows, 'source=? AND principal=?')} LIMIT ?)"
        self.consume = f"DELETE FROM mail{where(rows, 'n=?')}"
        self.forget = f"DELETE FROM inbox{where(rows, 'id=? AND source=? AND principal=?')}"
        self.edge = f"SELECT id FROM inbox{where(rows, 'id>?')} ORDER BY id LIMIT 1 OFFSET ?"
        self.expired = f"DELETE FROM inbox{where(rows, f'id>? AND id<=? AND ({expires}<=? OR {expires}>=1e15)')}"
        self.expired_rest = f"DELETE FROM inbox{where(rows, f'id>? AND ({expires}<=? OR {expires}>=1e15)')}"

    # What is read: `columns` as the store makes its records of them ---------------------------------------

    def snapshot(self, columns: str, *tables: str) -> str:
        """`head` without its FROM: the state last, before it whether sched, conn, outbox, `tables` hold anything."""
        of = where(self._rows.replace("?", "head.aid"))
        any_of = ",".join(f"EXISTS(SELECT 1 FROM {table}{of})" for table in ("sched", "conn", "outbox", *tables))
        known = "schema,gen,fence,version,at,seq,sgen,due,armed,released,state_version,waiting,dead"
        return f"SELECT {columns}{known},{any_of},state"

    def schedules(self, columns: str) -> str:
        return f"SELECT {columns} FROM sched{where(self._rows)} ORDER BY k"

    def connections(self, columns: str) -> str:
        return f"SELECT {columns} FROM conn{where(self._rows)} ORDER BY opened,cid"

    def outbox(self, columns: str) -> str:
        return f"SELECT {columns} FROM outbox{where(self._rows)} ORDER BY version,i"

    def letters(self, columns: str) -> str:
        """Rows whose number is none (text and blobs are greater than any) can't be addressed: they are passed over."""
        return f"SELECT {columns} FROM mail{where(self._rows, 'n>? AND n<1e18')} ORDER BY n LIMIT ?"

    def dead(self, columns: str) -> str:
        return f"SELECT {columns} FROM dead{where(self._rows, 'n>? AND n<1e18')} ORDER BY n LIMIT ?"

    def graves(self, columns: str, *, one: bool) -> str:
        return f"SELECT {columns} FROM dead{where(self._rows, 'id=?' if one else '')} ORDER BY n"

    def outcome(self, columns: str, condition: str = "") -> str:
        return f"SELECT {columns} FROM inbox{where(self._rows, 'id=? AND source=? AND principal=?', condition)}"

    def size(self, length: str, **more: Sequence[str]) -> str:
        """Bytes of an agent. `length`: of a column of bytes, `{}`; `more`: columns of bytes of further tables."""
        of = where(self._rows.replace("?", "?1"))
        sums = {table: _lengths(_TEXT.get(table, ()), columns, length) for table, columns in {**_BYTES, **more}.items()}
        return "SELECT " + "+".join(f"ifnull((SELECT sum({one}) FROM {table}{of}),0)" for table, one in sums.items())


def where(*conditions: str) -> str:
    """The clause, with what is to be said of whose rows first; "" without any."""
    said = " AND ".join(filter(None, conditions))
    return f" WHERE {said}" if said else ""


def _lengths(texts: Sequence[str], data: Sequence[str], length: str) -> str:
    """length() of text counts characters, so text is cast to bytes."""
    found = [f"length(CAST({column} AS BLOB))" for column in texts]
    for column in data:
        one = length.format(column)
        found.append(f"ifnull({one},0)" if column in _NULL else one)
    return "+".join(found)
