"""The writes that are no commit: letters, envelopes settled, single columns, claims. Its caller has the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.commit import Busy, Lease, Letter, Snapshot, Taken
from roost.contract.errors import TransientError
from roost.contract.refusals import full, joined
from roost.contract.room import hogged, share_of

from . import rows
from .alone import MAIL, make
from .reads import LOAD, names, snapshot
from .rows import marks, raw

if TYPE_CHECKING:
    from .book import Book
    from .links import Connection

_FIRST: Final = (
    f"SELECT {rows.LETTER} FROM roost.mail WHERE aid=$1 AND id=$2 AND keyed AND source=$3 AND principal=$4 LIMIT 1"
)
_SHARE: Final = "SELECT count(*) FROM (SELECT 1 FROM roost.mail WHERE aid=$1 AND source=$2 AND principal=$3 LIMIT $4) x"
_TICKET: Final = (
    "WITH h AS (UPDATE roost.head SET ticket=ticket+1,waiting=waiting+1,armed=least(armed,$14),"
    "due=CASE WHEN $9::float8>0 THEN least(due,$9) ELSE due END WHERE aid=$1 RETURNING ticket) "
    f"INSERT INTO roost.mail(aid,{rows.LETTER}) SELECT $1,ticket,{marks(12, 2)} FROM h RETURNING n"
)
_CLAIM: Final = (
    "WITH was AS MATERIALIZED (SELECT aid,holder FROM roost.head WHERE kind=$1 AND key=$2 FOR NO KEY UPDATE),"
    "free AS (SELECT aid,holder FROM was WHERE (holder IS NULL OR holder=$3 OR NOT EXISTS("
    "SELECT 1 FROM roost.host WHERE id=was.holder AND NOT dead)) "
    "AND NOT EXISTS(SELECT 1 FROM roost.host WHERE id=$3 AND dead)),"
    "mine AS (UPDATE roost.head h SET fence=fence+1,holder=$3 FROM free WHERE h.aid=free.aid) "
    "SELECT was.holder,EXISTS(SELECT 1 FROM free),"
    "(SELECT extract(epoch FROM until)::float8 FROM roost.host WHERE id=was.holder),"
    "EXISTS(SELECT 1 FROM roost.host WHERE id=$3 AND dead) FROM was"
)


async def park(link: Connection, book: Book, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
    """The letter as it waits; `joined` and `full` refuse it."""
    aid = await book.find(link, address)
    if aid is None:
        if limit < 1:
            raise full(address, 0)
        aid = await make(link, await book.fresh(link), *address)
    waiting = await link.fetchval("SELECT waiting FROM roost.head WHERE aid=$1 FOR NO KEY UPDATE", aid)
    if letter.keyed:
        first = await link.fetchrow(_FIRST, aid, raw(letter.id), letter.source, raw(letter.principal))
        if first is not None:
            waits = joined(rows.letter(first), letter)
            await link.execute("UPDATE roost.head SET armed=least(armed,$2) WHERE aid=$1", aid, float(armed))
            return waits
    share = share_of(limit)
    if share and waiting >= share:
        own = await link.fetchval(_SHARE, aid, letter.source, raw(letter.principal), share)
        if own >= share:
            raise hogged(address, letter, share)
    if waiting >= limit:
        raise full(address, waiting)
    row = rows.letter_row(letter, 0)
    n = await link.fetchval(_TICKET, aid, *row[1:], float(armed))
    return rows.letter((n, *row[1:]))


async def redrive(link: Connection, aid: int, id: str | None) -> int:
    """Dead letters to the end of the mailbox, in the order of their deaths."""
    await link.fetchval("SELECT 1 FROM roost.head WHERE aid=$1 FOR NO KEY UPDATE", aid)
    which = None if id is None else raw(id)
    graves = await link.fetch(
        f"DELETE FROM roost.dead WHERE aid=$1 AND ($2::bytea IS NULL OR id=$2) RETURNING {rows.LETTER}", aid, which
    )
    if not graves:
        return 0
    graves.sort(key=lambda row: row[0])
    count = len(graves)
    last = await link.fetchval(
        "UPDATE roost.head SET ticket=ticket+$2,waiting=waiting+$2,dead=dead-$2 WHERE aid=$1 RETURNING ticket",
        aid, count,
    )  # fmt: skip
    await link.executemany(
        "DELETE FROM roost.inbox WHERE aid=$1 AND id=$2 AND source=$3 AND principal=$4",
        [(aid, row[1], row[2], row[3]) for row in graves],
    )
    first = last - count + 1
    await link.executemany(MAIL, [(aid, first + i, *row[1:7], 0, 0.0, *row[9:13]) for i, row in enumerate(graves)])
    return count


async def purge(link: Connection, aid: int, id: str | None) -> int:
    """Dead letters gone for good."""
    await link.fetchval("SELECT 1 FROM roost.head WHERE aid=$1 FOR NO KEY UPDATE", aid)
    which = None if id is None else raw(id)
    gone = await link.fetch(
        "DELETE FROM roost.dead WHERE aid=$1 AND ($2::bytea IS NULL OR id=$2) RETURNING n", aid, which
    )
    if gone:
        await link.execute("UPDATE roost.head SET dead=dead-$2 WHERE aid=$1", aid, len(gone))
    return len(gone)


async def settle(link: Connection, address: Address, ids: Sequence[str], armed: float | None) -> None:
    """Envelopes that were delivered, and the time at which the agent is armed now: one statement."""
    at = None if armed is None else float(armed)
    await link.execute(
        "WITH h AS (UPDATE roost.head SET armed=$3 WHERE kind=$1 AND key=$2 RETURNING aid) "
        "DELETE FROM roost.outbox o USING h WHERE o.aid=h.aid AND o.id=ANY($4::bytea[])",
        *names(address), at, [raw(id) for id in ids],
    )  # fmt: skip


async def arm(link: Connection, address: Address, at: float | None) -> None:
    at = None if at is None else float(at)
    await link.execute("UPDATE roost.head SET armed=$3 WHERE kind=$1 AND key=$2", *names(address), at)


async def claim(link: Connection, book: Book, address: Address, lease: Lease) -> Snapshot | Busy:
    """Take the agent for a host, with a new fence, unless a host that lives has it. A host that is in no row of `host`
    is dead: so is one that was made up."""
    me = raw(lease.owner)
    row = await link.fetchrow(_CLAIM, *names(address), me)
    if row is None:
        await make(link, await book.fresh(link), *address)
        row = await link.fetchrow(_CLAIM, *names(address), me)
        assert row is not None
    holder, free, until, over = row
    if over:
        raise TransientError(f"the host {lease.owner} was marked dead: it takes nothing any more", code="host-over")
    if not free:
        return Busy(until or 0.0)
    taken: Taken = "given" if holder is None else "kept" if holder == me else "dead"
    found = await link.fetchrow(LOAD, *names(address))
    assert found is not None
    return snapshot(address, found, taken)
