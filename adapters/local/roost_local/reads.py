"""What is read from the local store: on the loop's thread, on a connection of its own that sees the last COMMIT.

One `SELECT` on `head` also tells which side tables hold anything, so that most loads touch one row.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from roost.contract.address import Address
from roost.contract.commit import LETTERS, DeadLetter, Entry, Handled, Letter, Listed, Page, Schedule, Snapshot
from roost.contract.errors import RoostError, Unreadable
from roost.contract.listing import PAGE, beyond, cursor, position
from roost.contract.trigger import Source
from roost.hosting.jobs.tables import LIVE, live

from . import rows
from .book import Book
from .datafile import DataFile
from .faults import fault
from .rows import Values

MANY: Final = 100
"""Agents that one statement reads. It is always so many, lest each number were a statement of its own."""
_MARKS: Final = ",".join("?" * MANY)
_COLUMNS: Final = rows.SQL.snapshot("aid,ticket,", "job")
_JOBLESS: Final = _COLUMNS.replace("EXISTS(SELECT 1 FROM job WHERE aid=head.aid)", "0")
"""For a file in which no job was ever started."""
_BY_AID: Final = tuple(f"{columns} FROM head WHERE aid=?" for columns in (_JOBLESS, _COLUMNS))
_BY_ADDRESS: Final = tuple(f"{columns} FROM head WHERE kind=? AND key=?" for columns in (_JOBLESS, _COLUMNS))
_BY_KEYS: Final = tuple(f"{x},key FROM head WHERE kind=? AND key IN ({_MARKS})" for x in (_JOBLESS, _COLUMNS))
_SCHEDULES_OF: Final = f"SELECT {rows.SCHEDULE},aid FROM sched WHERE aid IN ({_MARKS}) ORDER BY aid,k"
_SCHEDULES: Final = rows.SQL.schedules(rows.SCHEDULE)
_CONNECTIONS: Final = rows.SQL.connections(rows.CONNECTION)
_OUTBOX: Final = rows.SQL.outbox(rows.ENVELOPE)
_JOBS: Final = f"SELECT {LIVE} FROM job WHERE aid=? ORDER BY v,i"
_JOBS_DUE: Final = (
    "SELECT head.kind,head.key,min(job.due) FROM job INDEXED BY job_due JOIN head USING(aid) "
    "WHERE job.due<=? AND held<>1 GROUP BY aid ORDER BY 3 LIMIT ?"
)
_NEXT_JOB: Final = "SELECT min(due) FROM job INDEXED BY job_due WHERE due>? AND held<>1"
_LETTERS: Final = rows.SQL.letters(rows.LETTER)
_DEAD: Final = rows.SQL.dead(rows.DEAD)
_SIZE: Final = rows.SQL.size(
    "length({})",
    job_row=("data",),
    job_note=("data",),
    job_question=("data",),
    job_stream=("data",),
    job_end=("outcome",),
)
_OUTCOME: Final = rows.SQL.outcome(rows.HANDLED)
_DID: Final = f"SELECT {rows.HANDLED} FROM inbox WHERE aid=? AND id>=? AND id<? AND source='agent' AND principal=?"
_ADDRESSED: Final = "typeof(kind)='text' AND typeof(key)='text'"
"""Of a blob there is no agent."""
_NUMBERED: Final = "seq<1e18"
"""Text and blobs are greater than any number."""
_UNFINISHED: Final = (
    "SELECT kind,key FROM head WHERE aid IN "
    "(SELECT aid FROM mail UNION SELECT aid FROM outbox UNION SELECT aid FROM job WHERE owner<>'') "
    f"AND (kind,key)>(?,?) AND {_ADDRESSED} ORDER BY kind,key LIMIT ?"
)
_DUE: Final = f"SELECT kind,key,armed FROM head WHERE {_ADDRESSED} AND"
_NAMES: Final = (
    "ticket", "schema", "gen", "fence", "version", "at", "seq", "sgen", "due", "armed", "released", "state_version",
    "waiting", "dead",
)  # fmt: skip
_MENDED: Final = frozenset({"at", "due", "armed"})
"""Columns that the next commit writes, whatever they held."""
_HEADS: Final = frozenset(
    (int, int, int, int, int, float, int, int, due, armed, int, int, int, int)
    for due in (float, type(None)) for armed in (float, type(None))
)  # fmt: skip
"""Types of the columns of a head that nobody has edited."""
log = logging.getLogger("roost")


def _padded(values: Sequence[Any]) -> list[Any]:
    """So many that the statement takes them; the last one again and again names no more rows."""
    return [*values, *[values[-1]] * (MANY - len(values))]


class Reads:
    """The read connection's statements."""

    def __init__(
        self, connection: sqlite3.Connection, book: Book, log_limit: int, file: DataFile | None = None
    ) -> None:
        self._file = file
        self._cursor = connection.cursor()
        self._book = book
        self._log_limit = log_limit
        self._connection = connection
        self._said: set[Address] = set()
        """Agents of which the log was told that they can't be read."""
        try:
            book.jobs = bool(self.ask("SELECT EXISTS(SELECT 1 FROM job)", ())[0][0])
        except RoostError:  # each load will say what is wrong
            book.jobs = True

    def ask(self, sql: str, values: Sequence[Any]) -> list[Values]:
        try:
            return self._cursor.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise fault(error, self._file) from error
            return self._loosely(sql, values)  # a text is no UTF-8: one of many
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise fault(error, self._file) from error

    def _loosely(self, sql: str, values: Sequence[Any]) -> list[Values]:
        """The rows, texts that are no UTF-8 as blobs."""
        self._connection.text_factory = rows.loosely
        try:
            return self._cursor.execute(sql, values).fetchall()
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise fault(error, self._file) from error
        finally:
            self._connection.text_factory = str

    def aid(self, address: Address) -> int:
        """The agent's id; 0, which is nobody's, if it has none."""
        aid = self._book.known.get(address)
        if aid is None:
            found = self.ask("SELECT aid FROM head WHERE kind=? AND key=?", address)
            if not found:
                return 0
            aid = found[0][0]
            self._book.learn(address, aid)
        return aid

    def load(self, address: Address) -> Snapshot:
        known, jobs = self._book.known.get(address), self._book.jobs
        found = self.ask(_BY_ADDRESS[jobs], address) if known is None else self.ask(_BY_AID[jobs], (known,))
        if not found:
            return Snapshot(address)
        if known is None:
            self._book.learn(address, found[0][0])
        return self._snapshot(address, found[0], None)

    def ahead(self, addresses: Sequence[Address]) -> dict[Address, Snapshot]:
        """The snapshots of those that exist."""
        out = dict[Address, Snapshot]()
        kinds: dict[str, list[str]] = {}
        for kind, key in addresses:
            kinds.setdefault(kind, []).append(key)
        for kind, keys in kinds.items():
            for start in range(0, len(keys), MANY):
                found = self.ask(_BY_KEYS[self._book.jobs], (kind, *_padded(keys[start : start + MANY])))
                aids = [row[0] for row in found if row[15]]
                schedules: dict[int, list[Schedule]] = {aid: [] for aid in aids}
                if aids:
                    for one in self.ask(_SCHEDULES_OF, _padded(aids)):
                        if type(one[0]) is str:
                            schedules[one[8]].append(rows.schedule(one[:8]))
                for row in found:
                    address = Address(kind, row[20])
                    self._book.learn(address, row[0])
                    out[address] = self._snapshot(address, row[:20], tuple(schedules.get(row[0], ())))
        return out

    def _snapshot(self, address: Address, row: tuple[Any, ...], read: tuple[Schedule, ...] | None) -> Snapshot:
        """`read`: its schedules, if that was done."""
        (
            aid, _, schema, gen, fence, version, at, seq, sgen, due, armed, released, state_version, waiting, dead,
            schedules, connections, outbox, jobs, state,
        ) = row  # fmt: skip
        if tuple(map(type, row[1:15])) not in _HEADS or at >= rows.FAR:
            self._head(address, row)
            at, due, armed = rows.real(at), rows.maybe_real(due), rows.maybe_real(armed)
        if type(state) is not bytes:
            state = rows.maybe_back(state)
        one = (aid,)
        if read is None:
            read = tuple(map(rows.schedule, self._keyed(address, _SCHEDULES, one))) if schedules else ()
        letters = tuple(map(rows.letter, self.ask(_LETTERS, (aid, 0, LETTERS)))) if waiting else ()
        if len(letters) < waiting and len(letters) < LETTERS:
            self._say(address, "letters of it are missing, or have no number, and are passed over")
        return Snapshot(
            address, schema, gen, fence, version, at, seq, sgen, due, armed, released, state, state_version,
            read,
            tuple(map(rows.connection, self._keyed(address, _CONNECTIONS, one))) if connections else (),
            tuple(map(rows.envelope, self._keyed(address, _OUTBOX, one))) if outbox else (),
            letters, waiting, dead,
            tuple(live(x, bytes) for x in self.ask(_JOBS, one)) if jobs else (),
        )  # fmt: skip

    def _keyed(self, address: Address, sql: str, values: Sequence[Any]) -> list[Values]:
        """Rows whose first column, the key, is text. The others can be neither carried out nor deleted: said once."""
        found = self.ask(sql, values)
        good = [row for row in found if type(row[0]) is str]
        if len(good) < len(found):
            self._say(address, "rows of it have no text in their key, and are passed over")
        return good

    def _say(self, address: Address, what: str) -> None:
        if address not in self._said:
            log.error(
                "%s: the data file was damaged: %s; until it is mended the agent neither runs nor is destroyed",
                address,
                what,
            )
            self._said = {*list(self._said)[-100:], address}

    def _head(self, address: Address, row: Values) -> None:
        """Unreadable: a column that a commit can't write anew has lost its value or its type."""
        for name, value in zip(_NAMES, row[1:15], strict=True):
            if name not in _MENDED and type(value) is not int:
                what = f"the column {name!r} of its row in `head` holds no number"
                self._say(address, what)
                raise Unreadable(f"what is stored of {address} can't be read: {what}")

    def get(self, address: Address, keys: Sequence[str]) -> dict[str, bytes]:
        aid, out = self.aid(address), dict[str, bytes]()
        for key in keys:
            for (value,) in self.ask("SELECT v FROM kv WHERE aid=? AND k=?", (aid, key)):
                out[key] = rows.back(value)
        return out

    def scan(self, address: Address, prefix: str, after: str, limit: int, reverse: bool) -> list[tuple[str, bytes]]:
        end = beyond(prefix)
        values: list[Any] = [self.aid(address), prefix, b"" if end is None else end]  # a blob, no key, is greater
        sql = "SELECT k,v FROM kv WHERE aid=? AND k>=? AND k<?"
        if after:
            sql, values = f"{sql} AND k{'<' if reverse else '>'}?", [*values, after]
        sql = f"{sql} ORDER BY k{' DESC' if reverse else ''} LIMIT ?"
        return [(k, rows.back(v)) for k, v in self._keyed(address, sql, [*values, limit])]

    def handled(self, address: Address, prefix: str) -> list[Handled]:
        found = self.ask(_DID, (self.aid(address), prefix, beyond(prefix), str(address)))
        return list(map(rows.handled, found))

    def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        found = self.ask(_OUTCOME, (self.aid(address), id, source, principal))
        return rows.handled(found[0]) if found else None

    def parked(self, address: Address, after: int, limit: int) -> list[Letter]:
        return list(map(rows.letter, self.ask(_LETTERS, (self.aid(address), after, limit))))

    def dead(self, address: Address, after: int, limit: int) -> list[DeadLetter]:
        return list(map(rows.dead, self.ask(_DEAD, (self.aid(address), after, limit))))

    def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[list[Entry], int]:
        aid = self.aid(address)
        head = self.ask("SELECT seq FROM head WHERE aid=?", (aid,))
        seq = rows.whole(head[0][0]) if head else 0
        floor = seq - self._log_limit
        first = self.ask(f"SELECT min(seq) FROM log WHERE aid=? AND seq>? AND {_NUMBERED}", (aid, floor))[0][0]
        values: list[Any] = [aid, max(after, floor)]
        sql = f"SELECT seq,kind,data,at FROM log WHERE aid=? AND seq>? AND {_NUMBERED}"
        if kinds:
            sql, values = f"{sql} AND kind IN ({','.join('?' * len(kinds))})", [*values, *kinds]
        found = self.ask(f"{sql} ORDER BY seq LIMIT ?", [*values, limit])
        return list(map(rows.entry, found)), seq + 1 if first is None else first

    def page(self, kind: str | None, prefix: str, start: str | None, limit: int) -> Page:
        sql, values = f"SELECT kind,key,version,at,due FROM head WHERE state IS NOT NULL AND {_ADDRESSED}", list[Any]()
        if kind is not None:
            sql, values = f"{sql} AND kind=?", [kind]
        if prefix:
            sql, values = f"{sql} AND key>=?", [*values, prefix]
            if (end := beyond(prefix)) is not None:
                sql, values = f"{sql} AND key<?", [*values, end]
        if start is not None:
            sql, values = f"{sql} AND (kind,key)>(?,?)", [*values, *position(start)]
        limit = max(1, min(limit, PAGE))
        found = self.ask(f"{sql} ORDER BY kind,key LIMIT ?", [*values, limit + 1])
        lines = tuple(
            Listed(Address(k, key), rows.whole(version), rows.real(at), rows.maybe_real(due))
            for k, key, version, at, due in found[:limit]
            if type(k) is type(key) is str
        )
        return Page(lines, cursor(lines[-1].address) if lines and len(found) > limit else None)

    def size(self, address: Address) -> int:
        aid = self.aid(address)
        return int(self.ask(_SIZE, (aid,))[0][0]) if aid else 0

    # Timers ------------------------------------------------------------------------------------------

    def due(self, now: float, limit: int) -> list[tuple[Address, float]]:
        """What is no time counts as due: looking sets another."""
        found = self.ask(f"{_DUE} armed<=? ORDER BY armed LIMIT ?", (now, limit))
        found += self.ask(f"{_DUE} armed>=? LIMIT ?", (rows.FAR, limit))
        armed = [(Address(kind, key), rows.real(at)) for kind, key, at in found if type(kind) is type(key) is str]
        jobs = self.ask(_JOBS_DUE, (now, limit))
        if not jobs:
            return armed
        first = dict[Address, float]()
        for address, at in sorted([*armed, *((Address(kind, key), at) for kind, key, at in jobs)], key=itemgetter(1)):
            first.setdefault(address, at)
        return list(first.items())[:limit]

    def next_armed(self, after: float) -> float | None:
        times = self.ask("SELECT min(armed) FROM head WHERE armed>? AND armed<?", (after, rows.FAR))
        times += self.ask(_NEXT_JOB, (after,))
        return min((at for (at,) in times if at is not None), default=None)

    def unfinished(self, limit: int, after: Address | None) -> list[Address]:
        found = self.ask(_UNFINISHED, (*(after or ("", "")), limit))
        return [Address(kind, key) for kind, key in found if type(kind) is type(key) is str]
