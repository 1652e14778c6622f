"""The statements of one commit, in one transaction where there are more than one.

A commit without an id is one `UPDATE head`, whose condition is the whole check; one with an id starts with its
inbox row, whose INSERT makes the same check. A counter writes one row, two with a caller's key.
"""

from __future__ import annotations

from typing import Any, Final

from roost.contract.address import Address
from roost.contract.commit import AlreadyHandled, Commit, Committed, DeadLetter, Gone, Handled, Letter, Unschedule
from roost.contract.refusals import arrived, check, full, joined
from roost.contract.room import hogged, share_of

from . import rows
from .interop import Sql
from .journal import ObjectJournal, plain

_UPDATE: Final = rows.SQL.update
_UPDATE_STATE: Final = rows.SQL.update_state
_INSERT: Final = (
    "INSERT INTO head(one,kind,key,schema,gen,fence,version,at,seq,sgen,due,armed,released,ticket,waiting,dead,ring,"
    "state_version,state) VALUES(1,?,?,?,?,?,?,?,?,?,?,?,?,0,0,0,?,?,?)"
)
_HANDLE: Final = (
    f"INSERT INTO inbox({','.join(rows.HANDLED)}) SELECT ?,?,?,?,?,?,? FROM head{rows.SQL.check} "
    "ON CONFLICT(id,source,principal) DO UPDATE SET fp=excluded.fp,outcome=excluded.outcome,"
    "value=excluded.value,exp=excluded.exp WHERE inbox.exp<=?"
)
_HANDLED: Final = rows.SQL.outcome(",".join(rows.HANDLED), "exp>?")
_GRAVES: Final = rows.SQL.graves(",".join(rows.DEAD), one=False)
_GRAVES_OF: Final = rows.SQL.graves(",".join(rows.DEAD), one=True)
_PUT: Final = rows.insert("kv", rows.KV)
_SCHEDULE: Final = rows.insert("sched", rows.SCHEDULE)
_CONNECTION: Final = rows.insert("conn", rows.CONNECTION)
_LOG: Final = rows.insert("log", rows.ENTRY)
_OUTBOX: Final = rows.insert("outbox", rows.ENVELOPE)
_MAIL: Final = rows.insert("mail", rows.LETTER)
_DEAD: Final = rows.insert("dead", rows.DEAD)
_FIRST: Final = f"SELECT {','.join(rows.LETTER)} FROM mail WHERE id=? AND keyed AND source=? AND principal=? LIMIT 1"
_TICKET: Final = (
    "UPDATE head SET ticket=ticket+1,waiting=waiting+1,armed=min(ifnull(armed,?),?),"
    "due=CASE WHEN ? THEN min(ifnull(due,?),?) ELSE due END WHERE one=1 AND waiting<? RETURNING ticket"
)
SWEEP: Final = 256
"""Keyed commits after which expired inbox rows are looked for, a step at a time."""
STEP: Final = 1024


class Writes:
    """Applies commits to one object's tables."""

    def __init__(self, sql: Sql, address: Address, ring: int, journal: ObjectJournal) -> None:
        self._sql = sql
        self._journal = journal
        self.address = address
        self._ring = ring
        self._made = bool(sql.rows("SELECT 1 FROM head"))
        self._keyed = 0
        self._swept = ""

    # Commits -----------------------------------------------------------------------------------------

    def commit(self, c: Commit) -> Committed | AlreadyHandled:
        """The whole commit, or AlreadyHandled, Fenced, Conflict and not a row."""
        fills = bool(
            c.kv or c.log or c.outbox or c.schedules or c.connections or c.dead or c.consumed is not None
            or c.deferred is not None or c.letters or c.jobs or c.inbox
        )  # fmt: skip
        if self._made and not (fills or c.destroy or c.restored or c.handled is not None):
            return Committed(c.version) if self._head(c) else self._refuse(c)
        done: list[Committed | AlreadyHandled] = []
        self._sql.atomic(lambda: done.append(self._whole(c)))
        self._made = True
        if c.jobs and not c.destroy and isinstance(done[0], Committed):
            self._journal.there = True
        if c.handled is not None and not c.destroy and isinstance(done[0], Committed):
            self._sweep(c.at)
        return done[0]

    def _whole(self, c: Commit) -> Committed | AlreadyHandled:
        if not self._made:
            check(c, 1, 0, 0, False)
            if c.destroy or c.consumed is not None:
                self.make()
            else:
                self._insert(c)
                if c.handled is not None:
                    self._handle(c, c.version, 1)
                self._fill(c)
                return Committed(c.version)
        if c.destroy:
            return self._bury(c)
        if c.restored and self._sql.rows(rows.SQL.head)[0][3]:
            return self._refuse(c)
        if c.handled is not None and not self._handle(c, c.base, c.generation):
            return self._refuse(c)
        if not self._head(c):
            return self._refuse(c)
        self._fill(c)
        return Committed(c.version)

    def _head(self, c: Commit) -> int:
        values = (
            c.schema, c.fence, c.version, c.at, c.seq, c.sgen, c.next_due, c.armed, c.released,
            0 if c.consumed is None else 1,
        )  # fmt: skip
        guard = (c.base, c.generation, c.fence)
        if c.state is None:
            return self._sql.run(_UPDATE, *values, *guard)
        return self._sql.run(_UPDATE_STATE, *values, plain(c.state), c.state_version, *guard)

    def make(self) -> None:
        """A row of version 0: nothing exists yet but letters or a lease."""
        self._insert(Commit(self.address, 1, 0, 0, 0.0))

    def _insert(self, c: Commit) -> None:
        self._sql.run(
            _INSERT, *c.address, c.schema, c.generation, c.fence, c.version, c.at, c.seq, c.sgen, c.next_due, c.armed,
            c.released, self._ring, c.state_version if c.state is not None else 1,
            None if c.state is None else plain(c.state),
        )  # fmt: skip

    def _handle(self, c: Commit, version: int, generation: int) -> int:
        assert c.handled is not None
        return self._put(c.handled, version, generation, c)

    def _put(self, h: Handled, version: int, generation: int, c: Commit) -> int:
        return self._sql.run(
            _HANDLE, h.id, h.source, h.principal, plain(h.fingerprint), h.outcome, plain(h.value), h.expires, version,
            generation, c.fence, c.at,
        )  # fmt: skip

    def _refuse(self, c: Commit) -> AlreadyHandled:
        """Why the check failed. The inbox first: whoever lost the race for an id also lost that for the version."""
        if (found := self._known(c)) is not None:
            return found
        version, generation, fence, exists = self._sql.rows(rows.SQL.head)[0]
        check(c, generation, version, fence, bool(exists))
        raise AssertionError("a commit that nothing speaks against was refused")

    def _known(self, c: Commit) -> AlreadyHandled | None:
        if (h := c.handled) is None:
            return None
        found = self._sql.rows(_HANDLED, h.id, h.source, h.principal, c.at)
        return AlreadyHandled(rows.handled(found[0])) if found else None

    def _bury(self, c: Commit) -> Committed | AlreadyHandled:
        if (found := self._known(c)) is not None:
            return found
        if c.waiting is not None:
            waiting: int = self._sql.rows("SELECT count(*) FROM mail")[0][0]
            if waiting != c.waiting:
                raise arrived(c.address, waiting, c.waiting)
        if c.jobs_seen is not None:
            self._journal.seen(c.address, c.jobs_seen)
        values = (c.schema, c.fence, c.version, c.at, c.next_due, c.armed, c.released)
        if not self._sql.run(rows.SQL.bury, *values, c.base, c.generation, c.fence):
            return self._refuse(c)
        for lost in rows.SQL.lost:
            self._sql.run(lost)
        self._journal.destroy()
        self._many(_OUTBOX, [rows.envelope_row(c.version, i, x) for i, x in enumerate(c.outbox)])
        return Committed(c.version)

    def _many(self, sql: str, found: list[list[Any]]) -> None:
        for argument in rows.arguments(found):
            self._sql.run(sql, argument)

    def _gone(self, table: str, column: str, keys: list[Any]) -> int:
        count = 0
        for argument in rows.arguments(keys):
            count += self._sql.run(f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))", argument)
        return count

    def _fill(self, c: Commit) -> None:
        if c.kv:
            self._many(_PUT, [[p.key, rows.text(p.value)] for p in c.kv if p.value is not None])
            self._gone("kv", "k", [p.key for p in c.kv if p.value is None])
        if c.outbox:
            self._many(_OUTBOX, [rows.envelope_row(c.version, i, x) for i, x in enumerate(c.outbox)])
        if c.log:
            ring = self._ring
            self._many(_LOG, [[e.seq % ring, e.seq, e.kind, rows.text(e.data), e.at] for e in c.log[-ring:]])
        if c.schedules:
            self._many(_SCHEDULE, [rows.schedule_row(s) for s in c.schedules if not isinstance(s, Unschedule)])
            self._gone("sched", "k", [s.key for s in c.schedules if isinstance(s, Unschedule)])
        if c.connections:
            self._many(_CONNECTION, [rows.connection_row(r) for r in c.connections if not isinstance(r, Gone)])
            self._gone("conn", "cid", [r.cid for r in c.connections if isinstance(r, Gone)])
        if c.jobs:
            self._journal.commit(c)
        for h in c.inbox:
            self._put(h, c.version, c.generation, c)
        if c.consumed is not None and not self._sql.run(rows.SQL.consume, c.consumed):
            self._sql.run(rows.SQL.missed)  # it was not there: `head` counted it all the same
        if (x := c.deferred) is not None:
            self._sql.run("UPDATE mail SET attempts=?,next=? WHERE n=?", x.attempts, x.next, x.n)
        if c.letters:
            self._bring(c.letters)
        if c.dead:
            self._mourn(c.dead)

    def _bring(self, letters: tuple[Letter, ...]) -> None:
        count = len(letters)
        first = self._sql.changed(rows.SQL.bring, count, count)[0][0] - count + 1
        self._many(_MAIL, [rows.letter_row(x, first + i) for i, x in enumerate(letters)])

    def _mourn(self, dead: tuple[DeadLetter, ...]) -> None:
        count = len(dead)
        ticket = self._sql.changed(rows.SQL.mourn, count, count)[0][0]
        self._many(_DEAD, [rows.dead_row(d, ticket - count + 1 + i) for i, d in enumerate(dead)])

    def _sweep(self, at: float) -> None:
        """Now and then the next rows of the inbox lose those that expired."""
        self._keyed += 1
        if self._keyed % SWEEP != 1:
            return
        edge = self._sql.rows(rows.SQL.edge, self._swept, STEP)
        if edge:
            self._sql.run(rows.SQL.expired, self._swept, edge[0][0], at)
            self._swept = edge[0][0]
        else:
            self._sql.run(rows.SQL.expired_rest, self._swept, at)
            self._swept = ""

    # The mailbox -------------------------------------------------------------------------------------

    def park(self, letter: Letter, limit: int, armed: float) -> Letter:
        """The letter as it waits; `joined` and `full` refuse it."""
        done: list[Letter] = []
        self._sql.atomic(lambda: done.append(self._park(letter, limit, armed)))
        self._made = True
        return done[0]

    def _park(self, letter: Letter, limit: int, armed: float) -> Letter:
        sql = self._sql
        if not self._made:
            if limit < 1:
                raise full(self.address, 0)
            self.make()
        elif letter.keyed:
            first = sql.rows(_FIRST, letter.id, letter.source, letter.principal)
            if first:
                waits = joined(rows.letter(first[0]), letter)
                sql.run("UPDATE head SET armed=? WHERE one=1 AND ifnull(armed>?,1)", armed, armed)
                return waits
        share = share_of(limit)
        crowd = share and sql.rows(rows.SQL.crowd, share)
        if crowd and sql.rows(rows.SQL.share, letter.source, letter.principal, share)[0][0] >= share:
            raise hogged(self.address, letter, share)
        later = 1 if letter.next > 0 else 0
        found = sql.changed(_TICKET, armed, armed, later, letter.next, letter.next, limit)
        if not found:
            raise full(self.address, sql.rows(rows.SQL.waiting)[0][0])
        row = rows.letter_row(letter, found[0][0])
        self._many(_MAIL, [row])
        return Letter(
            letter.id, letter.source, letter.principal, letter.action, letter.args, letter.lane, letter.internal,
            letter.attempts, letter.next, found[0][0], letter.claims, letter.keyed,
        )  # fmt: skip

    def redrive(self, id: str | None) -> int:
        """Dead letters to the end of the mailbox, in the order of their deaths."""
        count: list[int] = []
        self._sql.atomic(lambda: count.append(self._redrive(id)))
        return count[0]

    def _redrive(self, id: str | None) -> int:
        sql = self._sql
        graves = sql.rows(_GRAVES) if id is None else sql.rows(_GRAVES_OF, id)
        if not graves:
            return 0
        count = len(graves)
        ticket = sql.changed(rows.SQL.redrive, count, count, count)[0][0] - count + 1
        self._gone("dead", "n", [row[0] for row in graves])
        for row in graves:
            sql.run(rows.SQL.forget, row[1], row[2], row[3])
        alive = [rows.letter(row) for row in graves]
        fresh = [
            [*rows.letter_row(x, ticket + i)[:8], 0, 0.0, *rows.letter_row(x, 0)[10:]] for i, x in enumerate(alive)
        ]
        self._many(_MAIL, fresh)
        return count

    def purge(self, id: str | None) -> int:
        """Dead letters gone for good."""
        sql, count = self._sql, list[int]()

        def work() -> None:
            count.append(
                len(sql.rows("SELECT n FROM dead") if id is None else sql.rows("SELECT n FROM dead WHERE id=?", id))
            )
            if count[0]:
                sql.run("DELETE FROM dead") if id is None else sql.run("DELETE FROM dead WHERE id=?", id)
                sql.run(rows.SQL.purged, count[0])

        sql.atomic(work)
        return count[0]

    # Columns -----------------------------------------------------------------------------------------

    def settle(self, ids: list[str], armed: float | None) -> None:
        """Envelopes that were delivered, and the time at which the agent is armed now."""

        def work() -> None:
            self._gone("outbox", "id", ids)
            self.arm(armed)

        if self._made:
            self._sql.atomic(work)

    def arm(self, armed: float | None) -> None:
        if self._made:
            self._sql.run("UPDATE head SET armed=? WHERE armed IS NOT ?", armed, armed)

    def lease(self) -> None:
        """Raise the fence. The platform lets one object of a name live at a time, so no lease is in the way."""
        if not self._made:
            self.make()
            self._made = True
        self._sql.run(rows.SQL.fence)
