"""A commit in a transaction of its own: destructions, imports, dead letters. The rest goes in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roost.contract.commit import AlreadyHandled, Commit, Committed, Gone, Unschedule
from roost.contract.errors import Conflict
from roost.contract.refusals import arrived, check

from . import rows
from .job_commits import change_jobs, seen
from .job_rows import TABLES
from .rows import marks, raw

if TYPE_CHECKING:
    from .links import Connection

TRIM: Final = 64
"""Old log entries are deleted this many at a time; readers don't see what is over the limit."""
_GUARDED: Final = "SELECT version,gen,fence,state IS NOT NULL,holder FROM roost.head WHERE aid=$1 FOR NO KEY UPDATE"
_HANDLED: Final = (
    f"SELECT {rows.HANDLED} FROM roost.inbox WHERE aid=$1 AND id=$2 AND source=$3 AND principal=$4 AND expires>$5"
)
_LOST: Final = ("kv", "sched", "inbox", "log", "mail", "dead", "conn", *TABLES)
"""Tables that a destroyed agent leaves nothing in."""


HANDLE: Final = (
    f"INSERT INTO roost.inbox(aid,{rows.HANDLED}) VALUES({marks(8)}) ON CONFLICT(aid,id,source,principal) DO UPDATE "
    "SET fingerprint=excluded.fingerprint,outcome=excluded.outcome,value=excluded.value,expires=excluded.expires"
)
PUT: Final = "INSERT INTO roost.kv(aid,k,v) VALUES($1,$2,$3) ON CONFLICT(aid,k) DO UPDATE SET v=excluded.v"
MAIL: Final = f"INSERT INTO roost.mail(aid,{rows.LETTER}) VALUES({marks(14)})"
_DEAD: Final = f"INSERT INTO roost.dead(aid,{rows.DEAD}) VALUES({marks(16)})"
ANSWER: Final = "INSERT INTO roost.answer(aid,n,at,data) VALUES($1,$2,$3,$4) ON CONFLICT DO NOTHING"
_SCHEDULE: Final = (
    f"INSERT INTO roost.sched(aid,{rows.SCHEDULE}) VALUES({marks(9)}) ON CONFLICT(aid,k) DO UPDATE SET "
    "gen=excluded.gen,due=excluded.due,spec=excluded.spec,target=excluded.target,args=excluded.args,attempts=excluded.attempts,"
    "next=excluded.next"
)
_CONNECTION: Final = (
    f"INSERT INTO roost.conn(aid,{rows.CONNECTION}) VALUES({marks(7)}) ON CONFLICT(aid,cid) DO UPDATE SET "
    "label=excluded.label,opened=excluded.opened,principal=excluded.principal,claims=excluded.claims,"
    "attachment=excluded.attachment"
)
_LOG: Final = (
    "INSERT INTO roost.log(aid,seq,kind,data,at) VALUES($1,$2,$3,$4,$5) ON CONFLICT(aid,seq) DO UPDATE SET "
    "kind=excluded.kind,data=excluded.data,at=excluded.at"
)
_OUTBOX: Final = (
    f"INSERT INTO roost.outbox(aid,version,i,{rows.ENVELOPE}) VALUES({marks(15)}) ON CONFLICT(aid,id) DO UPDATE SET "
    + ",".join(f"{c}=excluded.{c}" for c in ("version", "i", *rows.ENVELOPE.split(",")[1:]))
)
_HEAD: Final = (
    "UPDATE roost.head SET schema=$2,fence=$3,version=$4,at=$5,seq=$6,sgen=$7,due=$8,armed=$9,released=$10,token=$11,"
    "waiting=waiting-$12,holder=CASE WHEN $13 THEN NULL ELSE holder END,state=coalesce($14,state),"
    "state_version=CASE WHEN $14::bytea IS NULL THEN state_version ELSE $15 END WHERE aid=$1"
)
_BURY: Final = (
    "UPDATE roost.head SET schema=$2,fence=$3,version=$4,at=$5,seq=0,sgen=0,due=$6,armed=$7,released=$8,token=$9,"
    "waiting=0,dead=0,state=NULL,state_version=1,gen=gen+1,holder=CASE WHEN $10 THEN NULL ELSE holder END WHERE aid=$1"
)
_MAKE: Final = (
    "INSERT INTO roost.head(aid,kind,key,schema,gen,fence,version,at,seq,sgen,released,ticket,waiting,dead,token,"
    "state_version) VALUES($1,$2,$3,1,1,0,0,0,0,0,0,0,0,0,'',1) ON CONFLICT(kind,key) DO NOTHING"
)


async def make(link: Connection, aid: int, kind: str, key: str) -> int:
    """A row of version 0, unless there is one: the id of whichever stands there."""
    await link.execute(_MAKE, aid, raw(kind), raw(key))
    found = await link.fetchval("SELECT aid FROM roost.head WHERE kind=$1 AND key=$2", raw(kind), raw(key))
    assert isinstance(found, int)
    return found


async def known_id(link: Connection, aid: int, c: Commit) -> AlreadyHandled | None:
    """An earlier run of the commit's id, if it was committed."""
    if (h := c.handled) is None:
        return None
    row = await link.fetchrow(_HANDLED, aid, raw(h.id), h.source, raw(h.principal), float(c.at))
    return None if row is None else AlreadyHandled(rows.handled(row))


async def why(link: Connection, aid: int | None, c: Commit) -> AlreadyHandled:
    """What speaks against a commit; raises it, unless its id is known. The inbox comes first."""
    found = None if aid is None else await link.fetchrow(_GUARDED.replace(" FOR NO KEY UPDATE", ""), aid)
    if found is None:
        check(c, 1, 0, 0, False)
    else:
        assert aid is not None
        if (known := await known_id(link, aid, c)) is not None:
            return known
        version, generation, fence, exists, _ = found
        check(c, generation, version, fence, exists)
    raise Conflict(f"{c.address}: another commit was there first, or what it answers was taken back")


async def commit(link: Connection, aid: int, c: Commit, token: bytes, log_limit: int) -> Committed | AlreadyHandled:
    """Inside the caller's transaction. Raises what refuses it, having written nothing."""
    version, generation, fence, exists, _ = await link.fetchrow(_GUARDED, aid) or (0, 1, 0, False, None)
    if (known := await known_id(link, aid, c)) is not None:
        return known
    check(c, generation, version, fence, exists)
    if c.destroy:
        await _bury(link, aid, c, token)
    else:
        await _fill(link, aid, c, token, log_limit)
    await link.executemany(
        _OUTBOX, [(aid, c.version, i, *rows.envelope_row(x)) for i, x in enumerate(c.outbox)]
    )  # fmt: skip
    return Committed(c.version)


async def _bury(link: Connection, aid: int, c: Commit, token: bytes) -> None:
    """The end of an agent: a tombstone, and the envelopes that are under way."""
    if c.answer is not None:
        await _consume(link, aid, c)
    if c.waiting is not None:
        waiting = await link.fetchval(
            "SELECT count(*) FROM roost.mail WHERE aid=$1 AND forwarded IS NULL", aid
        )  # fmt: skip
        if waiting != c.waiting:
            raise arrived(c.address, waiting, c.waiting)
    if c.jobs_seen is not None:
        await seen(link, aid, c.address, c.jobs_seen)
    await link.execute(
        _BURY, aid, c.schema, c.fence, c.version, float(c.at), c.next_due, c.armed, c.released, token, c.yield_lease
    )
    for table in _LOST:
        await link.execute(f"DELETE FROM roost.{table} WHERE aid=$1", aid)


async def _consume(link: Connection, aid: int, c: Commit) -> int:
    """Take the commit's letter out of the mailbox, and leave its answer: how many were there."""
    done = await link.execute("DELETE FROM roost.mail WHERE aid=$1 AND n=$2", aid, c.consumed)
    gone = int(done.rsplit(" ", 1)[1])
    if c.answer is not None:
        if not gone:
            raise Conflict(f"{c.address}: whoever parked the letter {c.consumed} took it back")
        await link.execute(ANSWER, aid, c.consumed, float(c.at), c.answer)
    return gone


async def _fill(link: Connection, aid: int, c: Commit, token: bytes, log_limit: int) -> None:
    gone = 0
    if c.consumed is not None:
        gone = await _consume(link, aid, c)
    await link.execute(
        _HEAD, aid, c.schema, c.fence, c.version, float(c.at), c.seq, c.sgen, c.next_due, c.armed, c.released, token,
        gone, c.yield_lease, c.state, c.state_version,
    )  # fmt: skip
    if c.handled is not None:
        await link.execute(HANDLE, aid, *rows.handled_row(c.handled))
    await link.executemany(PUT, [(aid, raw(p.key), p.value) for p in c.kv if p.value is not None])
    await link.executemany(
        "DELETE FROM roost.kv WHERE aid=$1 AND k=$2", [(aid, raw(p.key)) for p in c.kv if p.value is None]
    )
    await link.executemany(_LOG, [(aid, e.seq, raw(e.kind), e.data, float(e.at)) for e in c.log])
    if edge := trim(c, log_limit):
        await link.execute("DELETE FROM roost.log WHERE aid=$1 AND seq<=$2", aid, edge)
    for s in c.schedules:
        if isinstance(s, Unschedule):
            await link.execute("DELETE FROM roost.sched WHERE aid=$1 AND k=$2", aid, raw(s.key))
        else:
            await link.execute(_SCHEDULE, aid, *rows.schedule_row(s))
    for r in c.connections:
        if isinstance(r, Gone):
            await link.execute("DELETE FROM roost.conn WHERE aid=$1 AND cid=$2", aid, raw(r.cid))
        else:
            await link.execute(_CONNECTION, aid, *rows.connection_row(r))
    if (x := c.deferred) is not None:
        await link.execute(
            "UPDATE roost.mail SET attempts=$3,next=$4 WHERE aid=$1 AND n=$2", aid, x.n, x.attempts, float(x.next)
        )
    await link.executemany(HANDLE, [(aid, *rows.handled_row(h)) for h in c.inbox])
    await _post(link, aid, c)
    if c.jobs:
        await change_jobs(link, aid, c)


def trim(c: Commit, limit: int) -> int:
    """Up to which number entries go with this commit; 0: none do."""
    old = c.seq - limit
    return old if c.log and old > 0 and old // TRIM != (old - len(c.log)) // TRIM else 0


async def _post(link: Connection, aid: int, c: Commit) -> None:
    count = len(c.letters) + len(c.dead)
    if not count:
        return
    last = await link.fetchval(
        "UPDATE roost.head SET ticket=ticket+$2,waiting=waiting+$3,dead=dead+$4 WHERE aid=$1 RETURNING ticket",
        aid, count, len(c.letters), len(c.dead),
    )  # fmt: skip
    first = last - count + 1
    await link.executemany(MAIL, [(aid, *rows.letter_row(x, first + i)) for i, x in enumerate(c.letters)])
    first += len(c.letters)
    await link.executemany(_DEAD, [(aid, *rows.dead_row(x, first + i)) for i, x in enumerate(c.dead)])
