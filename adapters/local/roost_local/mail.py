"""The writes that are no commit: letters parked and redriven, envelopes settled, single columns set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from roost.contract.address import Address
from roost.contract.commit import Letter
from roost.contract.refusals import full, joined
from roost.contract.room import hogged, share_of

from . import rows
from .writes import Writes

Parking: TypeAlias = tuple[Address, Letter, int, float]
Settling: TypeAlias = tuple[Address, Sequence[str], float | None]

_FIRST: Final = (
    f"SELECT {rows.LETTER} FROM mail INDEXED BY mail_id "  # the planner would rather read the whole mailbox
    "WHERE aid=? AND id=? AND keyed AND source=? AND principal=? LIMIT 1"
)
_TICKET: Final = (
    "UPDATE head SET ticket=ticket+1,waiting=waiting+1,armed=min(ifnull(armed,?),?) WHERE aid=? AND waiting<? "
    "RETURNING ticket"
)
_ARM: Final = "UPDATE head SET armed=min(ifnull(armed,?),?) WHERE aid=?"
_DUE: Final = "UPDATE head SET due=min(ifnull(due,?),?) WHERE aid=?"
_GRAVES: Final = rows.SQL.graves(rows.DEAD, one=False)
_GRAVES_OF: Final = rows.SQL.graves(rows.DEAD, one=True)
_MAIL: Final = f"INSERT INTO mail({rows.LETTER},aid) VALUES({rows.LETTER_MARKS},?)"


class Mail:
    """Runs on the write connection of `writes`, in its transaction."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._cursor = writes.cursor

    def park(self, what: Parking) -> Letter:
        """The letter as it waits; `joined` and `full` refuse it."""
        address, letter, limit, armed = what
        execute = self._cursor.execute
        aid = self._writes.find(address)
        if aid is None:
            if limit < 1:
                raise full(address, 0)
            aid = self._writes.make(address)
        elif letter.keyed:
            first = execute(_FIRST, (aid, letter.id, letter.source, letter.principal)).fetchone()
            if first is not None:
                waits = joined(rows.letter(first), letter)
                execute(_ARM, (armed, armed, aid))
                return waits
        share = share_of(limit)
        if share and execute(rows.SQL.crowd, (aid, share)).fetchone() is not None:
            own = execute(rows.SQL.share, (aid, letter.source, letter.principal, share)).fetchone()[0]
            if own >= share:
                raise hogged(address, letter, share)
        found = execute(_TICKET, (armed, armed, aid, limit)).fetchall()
        if not found:
            raise full(address, execute(rows.SQL.waiting, (aid,)).fetchone()[0])
        if letter.next > 0:
            execute(_DUE, (letter.next, letter.next, aid))
        row = rows.letter_row(letter, found[0][0])
        execute(_MAIL, (*row, aid))
        return rows.letter(row)

    def redrive(self, what: tuple[Address, str | None]) -> int:
        """Dead letters to the end of the mailbox, in the order of their deaths."""
        address, id = what
        aid = self._writes.find(address)
        if aid is None:
            return 0
        execute, many = self._cursor.execute, self._cursor.executemany
        if id is None:
            graves = execute(_GRAVES, (aid,)).fetchall()
        else:
            graves = execute(_GRAVES_OF, (aid, id)).fetchall()
        if not graves:
            return 0
        count = len(graves)
        ticket = execute(rows.SQL.redrive, (count, count, count, aid)).fetchall()[0][0] - count + 1
        many("DELETE FROM dead WHERE aid=? AND n=?", [(aid, row[9]) for row in graves])
        many(rows.SQL.forget, [(aid, row[0], row[1], row[2]) for row in graves])
        many(_MAIL, [(*row[:7], 0, 0.0, ticket + i, *row[10:12], aid) for i, row in enumerate(graves)])
        return count

    def purge(self, what: tuple[Address, str | None]) -> int:
        """Dead letters gone for good."""
        address, id = what
        aid = self._writes.find(address)
        if aid is None:
            return 0
        execute = self._cursor.execute
        if id is None:
            execute("DELETE FROM dead WHERE aid=?", (aid,))
        else:
            execute("DELETE FROM dead WHERE aid=? AND id=?", (aid, id))
        count = self._cursor.rowcount
        if count:
            execute(rows.SQL.purged, (count, aid))
        return count

    def settle(self, what: Settling) -> None:
        """Envelopes that were delivered, and the time at which the agent is armed now."""
        address, ids, armed = what
        aid = self._writes.find(address)
        if aid is not None:
            self._cursor.executemany("DELETE FROM outbox WHERE aid=? AND id=?", [(aid, id) for id in ids])
            self._cursor.execute("UPDATE head SET armed=? WHERE aid=?", (armed, aid))

    def arm(self, what: tuple[Address, float | None]) -> None:
        aid = self._writes.find(what[0])
        if aid is not None:
            self._cursor.execute("UPDATE head SET armed=? WHERE aid=?", (what[1], aid))

    def lease(self, address: Address) -> None:
        """Raise the fence. One process owns the file, so no lease is ever in the way."""
        aid = self._writes.find(address) or self._writes.make(address)
        self._cursor.execute(rows.SQL.fence, (aid,))
