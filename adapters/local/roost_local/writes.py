"""The statements of one commit. The first is its one `UPDATE head`, which is the check: a refusal has written nothing.

A counter costs one statement, two with a caller's key.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from roost.contract.address import Address
from roost.contract.commit import (
    AlreadyHandled,
    Commit,
    Committed,
    DeadLetter,
    Gone,
    Handled,
    Put,
    Row,
    Schedule,
    Unschedule,
)
from roost.contract.refusals import arrived, check
from roost.hosting.jobs.change import Change

from . import rows
from .book import Book
from .faults import Undone
from .job_sql import DIALECT, Statements
from .sweep import Sweep

TRIM: Final = 64
"""Old log entries are deleted this many at a time; readers don't see what is over the limit."""

_INSERT: Final = (
    "INSERT INTO head(kind,key,schema,gen,fence,version,at,seq,sgen,due,armed,released,ticket,waiting,dead,"
    "state_version,state) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,0,0,0,?,?)"
)
_HANDLE: Final = (
    f"INSERT INTO inbox({rows.HANDLED},aid) VALUES(?,?,?,?,?,?,?,?) "
    "ON CONFLICT(aid,id,source,principal) DO UPDATE SET fingerprint=excluded.fingerprint,outcome=excluded.outcome,"
    "value=excluded.value,expires=excluded.expires "
    "WHERE inbox.expires<=? OR inbox.expires>=1e15 OR inbox.expires IS NULL"
)
_HANDLED: Final = rows.SQL.outcome(rows.HANDLED, "expires>? AND expires<1e15")
_UPDATE: Final = rows.SQL.update
_UPDATE_STATE: Final = rows.SQL.update_state
_FIND: Final = "SELECT aid FROM head WHERE kind=? AND key=?"
_PUT: Final = "INSERT INTO kv(aid,k,v) VALUES(?,?,?) ON CONFLICT(aid,k) DO UPDATE SET v=excluded.v"
_SCHEDULE: Final = f"INSERT OR REPLACE INTO sched(aid,{rows.SCHEDULE}) VALUES(?,?,?,?,?,?,?,?,nullif(?,''))"
_CONNECTION: Final = f"INSERT OR REPLACE INTO conn(aid,{rows.CONNECTION}) VALUES(?,?,?,?,?,?,?)"
_LOG: Final = "INSERT OR REPLACE INTO log(aid,seq,kind,data,at) VALUES(?,?,?,?,?)"
_OUTBOX: Final = f"INSERT OR REPLACE INTO outbox({rows.ENVELOPE}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
_MAIL: Final = f"INSERT INTO mail({rows.LETTER},aid) VALUES({rows.LETTER_MARKS},?)"
_DEAD: Final = f"INSERT INTO dead({rows.DEAD},aid) VALUES({rows.LETTER_MARKS},?,?,?)"


class Writes:
    """Applies commits on the write connection, inside the open transaction."""

    def __init__(self, connection: sqlite3.Connection, book: Book, log_limit: int) -> None:
        connection.text_factory = rows.loosely
        self.cursor = connection.cursor()
        self.book = book
        self.jobs = Change(Statements(connection.cursor()), DIALECT)
        self._sweep = Sweep(connection.cursor())
        self._log_limit = log_limit

    def find(self, address: Address) -> int | None:
        """The agent's id, if it has one."""
        aid = self.book.known.get(address) or self.book.fresh.get(address)
        if aid is None:
            found = self.cursor.execute(_FIND, address).fetchone()
            if found is not None:
                aid = found[0]
        return aid

    def make(self, address: Address) -> int:
        """A row of version 0: nothing exists yet but its letters or its lease."""
        return self._insert(Commit(address, 1, 0, 0, 0.0))

    def _insert(self, c: Commit) -> int:
        self.cursor.execute(
            _INSERT,
            (
                *c.address, c.schema, c.generation, c.fence, c.version, c.at, c.seq, c.sgen, c.next_due, c.armed,
                c.released, c.state_version if c.state is not None else 1, c.state,
            ),
        )  # fmt: skip
        aid = self.book.fresh[c.address] = self.cursor.lastrowid or 0
        return aid

    def commit(self, c: Commit) -> Committed | AlreadyHandled:
        """The whole commit, or AlreadyHandled, Fenced, Conflict and not a row."""
        execute = self.cursor.execute
        aid = self.book.known.get(c.address)
        if aid is None and (aid := self.find(c.address)) is None:
            check(c, 1, 0, 0, False)
            if c.destroy or c.consumed is not None:
                aid = self.make(c.address)
            else:
                return self._fill(self._insert(c), c)
        if c.destroy:
            return self._bury(aid, c)
        if c.restored and execute(rows.SQL.head, (aid,)).fetchone()[3]:
            return self._refuse(aid, c)
        guard = (aid, c.base, c.generation, c.fence)
        waiting = 0 if c.consumed is None else 1
        due = "" if c.next_due is None else c.next_due
        armed = "" if c.armed is None else c.armed
        if c.state is None:
            execute(
                _UPDATE,
                (c.schema, c.fence, c.version, c.at, c.seq, c.sgen, due, armed, c.released, waiting, *guard),
            )
        else:
            execute(
                _UPDATE_STATE,
                (
                    c.schema, c.fence, c.version, c.at, c.seq, c.sgen, due, armed, c.released, waiting,
                    bytearray(c.state), c.state_version, *guard,
                ),
            )  # fmt: skip
        if not self.cursor.rowcount:
            return self._refuse(aid, c)
        return self._fill(aid, c)

    def _refuse(self, aid: int, c: Commit) -> AlreadyHandled:
        """Why the check failed. The inbox first: whoever lost the race for an id also lost that for the version."""
        if (found := self._known_id(aid, c)) is not None:
            return found
        version, generation, fence, exists = self.cursor.execute(rows.SQL.head, (aid,)).fetchone()
        check(c, generation, version, fence, bool(exists))
        raise AssertionError("a commit that nothing speaks against was refused")

    def _known_id(self, aid: int, c: Commit) -> AlreadyHandled | None:
        if (h := c.handled) is None:
            return None
        found = self.cursor.execute(_HANDLED, (aid, h.id, h.source, h.principal, c.at)).fetchone()
        return None if found is None else AlreadyHandled(rows.handled(found))

    def _bury(self, aid: int, c: Commit) -> Committed | AlreadyHandled:
        """The end of an agent: a tombstone, and the envelopes that are under way."""
        if (found := self._known_id(aid, c)) is not None:
            return found
        execute, guard = self.cursor.execute, (aid, c.base, c.generation, c.fence)
        if c.waiting is not None:
            waiting: int = execute("SELECT count(*) FROM mail WHERE aid=?", (aid,)).fetchone()[0]
            if waiting != c.waiting:
                raise arrived(c.address, waiting, c.waiting)
        if c.jobs_seen is not None:
            self.jobs.seen((aid,), c.address, c.jobs_seen)
        execute(rows.SQL.bury, (c.schema, c.fence, c.version, c.at, c.next_due, c.armed, c.released, *guard))
        if not self.cursor.rowcount:
            return self._refuse(aid, c)
        for lost in rows.SQL.lost:
            execute(lost, (aid,))
        if execute("SELECT 1 FROM job WHERE aid=? UNION ALL SELECT 1 FROM job_end WHERE aid=?", (aid, aid)).fetchone():
            self.jobs.destroy((aid,))
        self._send(aid, c)
        return Committed(c.version)

    # The side tables ---------------------------------------------------------------------------------

    def _fill(self, aid: int, c: Commit) -> Committed:
        if c.handled is not None:
            self._handle(aid, c, c.handled)
        if c.kv:
            self._put(aid, c.kv)
        if c.outbox:
            self._send(aid, c)
        if c.log:
            self._log(aid, c)
        if c.schedules:
            self._schedule(aid, c.schedules)
        if c.connections:
            self._connect(aid, c.connections)
        if c.jobs:
            self.book.jobs = True
            self.jobs.commit((aid,), c)
        for row in c.inbox:
            self._handle(aid, c, row)
        if c.consumed is not None or c.deferred is not None or c.dead or c.letters:
            self._post(aid, c)
        return Committed(c.version)

    def _handle(self, aid: int, c: Commit, h: Handled) -> None:
        fingerprint, value = bytearray(h.fingerprint), bytearray(h.value)
        self.cursor.execute(_HANDLE, (h.source, h.principal, h.id, fingerprint, h.outcome, value, h.expires, aid, c.at))
        if not self.cursor.rowcount:  # `head` is written already; whoever asks for the outcome first never comes here
            raise Undone(self._known_id(aid, c))
        self._sweep.keyed(aid, c.at)

    def _put(self, aid: int, kv: tuple[Put, ...]) -> None:
        puts = [(aid, p.key, p.value) for p in kv if p.value is not None]
        if puts:
            self.cursor.executemany(_PUT, puts)
        if len(puts) < len(kv):
            gone = [(aid, p.key) for p in kv if p.value is None]
            self.cursor.executemany("DELETE FROM kv WHERE aid=? AND k=?", gone)

    def _log(self, aid: int, c: Commit) -> None:
        self.cursor.executemany(_LOG, [(aid, e.seq, e.kind, e.data, e.at) for e in c.log])
        old = c.seq - self._log_limit
        if old > 0 and old // TRIM != (old - len(c.log)) // TRIM:
            self.cursor.execute("DELETE FROM log WHERE aid=? AND seq<=?", (aid, old))

    def _schedule(self, aid: int, schedules: tuple[Schedule | Unschedule, ...]) -> None:
        for s in schedules:
            if isinstance(s, Unschedule):
                self.cursor.execute("DELETE FROM sched WHERE aid=? AND k=?", (aid, s.key))
            else:
                spec, args, next = bytearray(s.spec), bytearray(s.args), "" if s.next is None else s.next
                self.cursor.execute(_SCHEDULE, (aid, s.key, s.gen, s.due, spec, s.target, args, s.attempts, next))

    def _connect(self, aid: int, connections: tuple[Row | Gone, ...]) -> None:
        for r in connections:
            if isinstance(r, Gone):
                self.cursor.execute("DELETE FROM conn WHERE aid=? AND cid=?", (aid, r.cid))
            else:
                self.cursor.execute(_CONNECTION, (aid, r.cid, r.label, r.opened, r.principal, r.claims, r.attachment))

    def _send(self, aid: int, c: Commit) -> None:
        self.cursor.executemany(_OUTBOX, [rows.envelope_row(aid, c.version, i, x) for i, x in enumerate(c.outbox)])

    def _post(self, aid: int, c: Commit) -> None:
        execute = self.cursor.execute
        if c.consumed is not None:
            execute(rows.SQL.consume, (aid, c.consumed))
            if not self.cursor.rowcount:  # it was not there: `head` counted it all the same
                execute(rows.SQL.missed, (aid,))
        if (x := c.deferred) is not None:
            execute("UPDATE mail SET attempts=?,next=? WHERE aid=? AND n=?", (x.attempts, x.next, aid, x.n))
        if c.letters:
            count = len(c.letters)
            execute(rows.SQL.bring, (count, count, aid))
            first = self.cursor.fetchall()[0][0] - count + 1
            self.cursor.executemany(_MAIL, [(*rows.letter_row(x, first + i), aid) for i, x in enumerate(c.letters)])
        if c.dead:
            count = len(c.dead)
            execute(rows.SQL.mourn, (count, count, aid))
            first = self.cursor.fetchall()[0][0] - count + 1
            self.cursor.executemany(_DEAD, [_dead(aid, first + i, d) for i, d in enumerate(c.dead)])


def _dead(aid: int, n: int, d: DeadLetter) -> tuple[Any, ...]:
    return (*rows.letter_row(d.letter, n), d.error, d.at, aid)
