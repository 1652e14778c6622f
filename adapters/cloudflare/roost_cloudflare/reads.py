"""What is read from one object's tables. One `SELECT` on `head` also tells which side tables hold anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import to_json

from roost.contract.address import Address
from roost.contract.commit import LETTERS, DeadLetter, Entry, Handled, Letter, Row, Snapshot
from roost.contract.listing import beyond
from roost.contract.trigger import Source

from . import rows
from .interop import Sql
from .journal import ObjectJournal

_SNAPSHOT: Final = (
    "SELECT schema,gen,fence,version,at,seq,sgen,due,armed,released,state_version,waiting,dead,"
    "EXISTS(SELECT 1 FROM sched),EXISTS(SELECT 1 FROM conn),EXISTS(SELECT 1 FROM outbox),state FROM head"
)
_SNAPSHOT_JOBS: Final = _SNAPSHOT.replace(",state FROM head", ",state,EXISTS(SELECT 1 FROM job) FROM head")
_RING: Final = "SELECT ring,EXISTS(SELECT 1 FROM sqlite_master WHERE name='job') FROM head"
_SCHEDULES: Final = f"SELECT {','.join(rows.SCHEDULE)} FROM sched ORDER BY k"
_CONNECTIONS: Final = f"SELECT {','.join(rows.CONNECTION)} FROM conn ORDER BY opened,cid"
_CONNECTED: Final = f"SELECT {','.join(rows.CONNECTION)} FROM conn WHERE cid=?"
_OUTBOX: Final = f"SELECT {','.join(rows.ENVELOPE)} FROM outbox ORDER BY version,i"
_LETTERS: Final = f"SELECT {','.join(rows.LETTER)} FROM mail WHERE n>? ORDER BY n LIMIT ?"
_DEAD: Final = f"SELECT {','.join(rows.DEAD)} FROM dead WHERE n>? ORDER BY n LIMIT ?"
_OUTCOME: Final = f"SELECT {','.join(rows.HANDLED)} FROM inbox WHERE id=? AND source=? AND principal=?"
_SIZE: Final = "SELECT " + "+".join(
    f"ifnull((SELECT sum({columns}) FROM {table}),0)"
    for table, columns in {
        "head": "length(CAST(key AS BLOB))+ifnull(length(CAST(state AS BLOB)),0)",
        "kv": "length(CAST(k AS BLOB))+length(CAST(v AS BLOB))",
        "sched": "length(CAST(k AS BLOB))+length(CAST(spec AS BLOB))+length(CAST(args AS BLOB))",
        "inbox": "length(CAST(id AS BLOB))+length(CAST(value AS BLOB))",
        "log": "length(CAST(data AS BLOB))",
        "outbox": "length(CAST(args AS BLOB))",
        "mail": "length(CAST(args AS BLOB))",
        "dead": "length(CAST(args AS BLOB))+length(CAST(error AS BLOB))",
        "conn": "ifnull(length(CAST(claims AS BLOB)),0)+ifnull(length(CAST(attachment AS BLOB)),0)",
    }.items()
)


def number(value: Any) -> float | None:
    return None if value is None else float(value)


class Reads:
    """The queries of one object."""

    def __init__(self, sql: Sql, address: Address, ring: int) -> None:
        self._sql = sql
        found = sql.rows(_RING)
        self.ring: int | None = found[0][0] if found else None
        """The slots the log was written with."""
        self.journal = ObjectJournal(sql, bool(found and found[0][1]))
        self._address = address
        self._kept = ring

    def load(self) -> Snapshot:
        ask = self._sql.rows
        there = self.journal.there
        found = ask(_SNAPSHOT_JOBS if there else _SNAPSHOT)
        if not found:
            return Snapshot(self._address)
        (
            schema, gen, fence, version, at, seq, sgen, due, armed, released, state_version, waiting, dead, schedules,
            connections, outbox, state,
        ) = found[0][:17]  # fmt: skip
        return Snapshot(
            self._address, schema, gen, fence, version, float(at), seq, sgen, number(due), number(armed), released,
            rows.maybe_back(state), state_version,
            tuple(map(rows.schedule, ask(_SCHEDULES))) if schedules else (),
            tuple(map(rows.connection, ask(_CONNECTIONS))) if connections else (),
            tuple(map(rows.envelope, ask(_OUTBOX))) if outbox else (),
            tuple(map(rows.letter, ask(_LETTERS, 0, LETTERS))) if waiting else (),
            waiting, dead,
            self.journal.lives() if there and found[0][17] else (),
        )  # fmt: skip

    def armed(self) -> float | None:
        found = self._sql.rows("SELECT armed FROM head")
        return number(found[0][0]) if found else None

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        sql = "SELECT k,v FROM kv WHERE k IN (SELECT value FROM json_each(?))"
        return {k: rows.back(v) for k, v in self._sql.rows(sql, to_json(list(keys)).decode())}

    def scan(self, prefix: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        sql, values = "SELECT k,v FROM kv WHERE k>? AND k>=?", [after, prefix]
        if (end := beyond(prefix)) is not None:
            sql, values = f"{sql} AND k<?", [*values, end]
        return [(k, rows.back(v)) for k, v in self._sql.rows(f"{sql} ORDER BY k LIMIT ?", *values, limit)]

    def outcome(self, source: Source, principal: str, id: str) -> Handled | None:
        found = self._sql.rows(_OUTCOME, id, source, principal)
        return rows.handled(found[0]) if found else None

    def parked(self, after: int, limit: int) -> list[Letter]:
        return list(map(rows.letter, self._sql.rows(_LETTERS, after, limit)))

    def dead(self, after: int, limit: int) -> list[DeadLetter]:
        return list(map(rows.dead, self._sql.rows(_DEAD, after, limit)))

    def connection(self, cid: str) -> Row | None:
        found = self._sql.rows(_CONNECTED, cid)
        return rows.connection(found[0]) if found else None

    def log(self, after: int, kinds: frozenset[str], limit: int) -> tuple[list[Entry], int]:
        head = self._sql.rows("SELECT seq FROM head")
        seq: int = head[0][0] if head else 0
        floor = seq - self._kept
        first = self._sql.rows("SELECT min(seq) FROM log WHERE seq>?", floor)[0][0]
        sql, values = "SELECT seq,kind,data,at FROM log WHERE seq>?", list[Any]([max(after, floor)])
        if kinds:
            sql = f"{sql} AND kind IN (SELECT value FROM json_each(?))"
            values.append(to_json(list(kinds)).decode())
        found = self._sql.rows(f"{sql} ORDER BY seq LIMIT ?", *values, limit)
        return list(map(rows.entry, found)), seq + 1 if first is None else first

    def size(self) -> int:
        size = int(self._sql.rows(_SIZE)[0][0])
        return size + self.journal.size() if self.journal.there else size
