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

_SNAPSHOT: Final = f"{rows.SQL.snapshot('')} FROM head"
_SNAPSHOT_JOBS: Final = _SNAPSHOT.replace(",state FROM head", ",state,EXISTS(SELECT 1 FROM job) FROM head")
_RING: Final = "SELECT ring,EXISTS(SELECT 1 FROM sqlite_master WHERE name='job') FROM head"
_SCHEDULES: Final = rows.SQL.schedules(",".join(rows.SCHEDULE))
_CONNECTIONS: Final = rows.SQL.connections(",".join(rows.CONNECTION))
_CONNECTED: Final = f"SELECT {','.join(rows.CONNECTION)} FROM conn WHERE cid=?"
_OUTBOX: Final = rows.SQL.outbox(",".join(rows.ENVELOPE))
_LETTERS: Final = rows.SQL.letters(",".join(rows.LETTER))
_DEAD: Final = rows.SQL.dead(",".join(rows.DEAD))
_SIZE: Final = rows.SQL.size("length(CAST({} AS BLOB))")
_OUTCOME: Final = rows.SQL.outcome(",".join(rows.HANDLED))


_DID: Final = f"SELECT {','.join(rows.HANDLED)} FROM inbox WHERE id>=? AND id<? AND source='agent' AND principal=?"


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

    def scan(self, prefix: str, after: str, limit: int, reverse: bool) -> list[tuple[str, bytes]]:
        sql, values = "SELECT k,v FROM kv WHERE k>=?", [prefix]
        if (end := beyond(prefix)) is not None:
            sql, values = f"{sql} AND k<?", [*values, end]
        if after:
            sql, values = f"{sql} AND k{'<' if reverse else '>'}?", [*values, after]
        sql = f"{sql} ORDER BY k{' DESC' if reverse else ''} LIMIT ?"
        return [(k, rows.back(v)) for k, v in self._sql.rows(sql, *values, limit)]

    def outcome(self, source: Source, principal: str, id: str) -> Handled | None:
        found = self._sql.rows(_OUTCOME, id, source, principal)
        return rows.handled(found[0]) if found else None

    def handled(self, prefix: str) -> list[Handled]:
        found = self._sql.rows(_DID, prefix, beyond(prefix), str(self._address))
        return list(map(rows.handled, found))

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
