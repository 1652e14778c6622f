"""The port `Journal`: each write locks the job's own row first, and no other, so that it waits for no commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from roost.contract.address import Address
from roost.contract.commit import Busy
from roost.contract.job import (
    QUESTIONS,
    SIGNALS,
    Claim,
    Claimed,
    EndedJob,
    Job,
    JournalLine,
    Note,
    Question,
    Rung,
    numbers,
)
from roost.contract.job_refusals import (
    answerable,
    crowded,
    held_as,
    inquisitive,
    let_go_already,
    no_job,
    no_question,
    not_ours,
    ours,
    over,
    size,
)
from roost.contract.stream import FOLLOWERS, Follower, StreamLine

from . import job_rows
from .job_commits import TELL
from .job_rows import JOB, LIVE, NOTE
from .locked import ASKED, FOUND, MINE, OF, THIS, Locked, begin_again, close, lock
from .reads import names
from .rows import raw

if TYPE_CHECKING:
    from .access import Access
    from .links import Connection

T = TypeVar("T")
PAGE: Final = 1 << 20
"""Bytes after which a page of rows ends."""
_APPEND: Final = (
    f"INSERT INTO roost.job_row(aid,v,i,position,claim,data) SELECT aid,v,i,$4,$5,$6 FROM roost.job WHERE {THIS} "
    "AND base<$4 ON CONFLICT DO NOTHING RETURNING 1"
)
_ROWS: Final = (
    "SELECT position,claim,data FROM (SELECT position,claim,data,sum(octet_length(data)) OVER (ORDER BY position) s,"
    f"row_number() OVER (ORDER BY position) r FROM (SELECT * FROM roost.job_row WHERE {MINE} AND position>$5 "
    "ORDER BY position LIMIT $6) y) x WHERE r=1 OR s<=$7 ORDER BY position"
)

_STREAM: Final = (
    "INSERT INTO roost.job_stream(aid,v,i,first,last,claim,data) VALUES($1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING "
    "RETURNING 1"
)
_STREAMED: Final = (
    "SELECT first,last,claim,data FROM (SELECT first,last,claim,data,sum(octet_length(data)) OVER (ORDER BY first) s,"
    f"row_number() OVER (ORDER BY first) r FROM (SELECT * FROM roost.job_stream WHERE {MINE} AND (last>$5 OR "
    f"first=(SELECT max(first) FROM roost.job_stream WHERE {MINE})) ORDER BY first LIMIT $6) y) x "
    "WHERE r=1 OR s<=$7 ORDER BY first"
)
"""Rows above an offset. The last row of all is among them, or is it all there is."""
_FOLLOW: Final = (
    f"INSERT INTO roost.job_follow(aid,v,i,cid,name,after,at,expires) SELECT aid,v,i,$5,$6,$7,$8,$9 FROM roost.job "
    f"WHERE {MINE} FOR KEY SHARE ON CONFLICT (aid,v,i,cid,name) DO UPDATE SET after=excluded.after,at=excluded.at,"
    "expires=excluded.expires"
)
_OLDER: Final = (
    f"DELETE FROM roost.job_follow WHERE {MINE} AND (cid,name) IN (SELECT cid,name FROM roost.job_follow "
    f"WHERE {MINE} ORDER BY at DESC,cid DESC,name DESC OFFSET $5)"
)


class PostgresJournal:
    """Jobs of all agents of a database."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def _of(self, claim: Claim, work: Callable[[Locked], Awaitable[T]]) -> T:
        """`work` on the live job of the claim's life, whoever has it; Fenced."""

        async def change(link: Connection) -> T:
            found = await lock(link, claim.address, claim.uid)
            if found is None or found.generation != claim.generation:
                raise not_ours(claim)
            return await work(found)

        return await self._access.write(change)

    # Executors ---------------------------------------------------------------------------------------

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        async def change(link: Connection) -> Claimed | Busy | None:
            found = await lock(link, address, uid)
            if found is None:
                return None
            job = found.job
            if not sole and job.owner not in ("", owner) and job.until > now:
                return Busy(job.until)
            job = replace(job, claim=job.claim + 1, owner=owner, until=until, due=until)
            await found.set("claim=$4,owner=$5,until=$6,due=$6", job.claim, raw(owner), float(until))
            args = await found.line(-job.run)
            claim = Claim(address, found.generation, uid, job.claim, owner, "", job.live.deadline)
            return Claimed(claim, job, b"" if args is None else args.data)

        return await self._access.write(change)

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        async def work(found: Locked) -> Job:
            job = replace(ours(claim, found.job), until=until, due=until)
            await found.set("until=$4,due=$4", float(until))
            return job

        return await self._of(claim, work)

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        size(claim, data)

        async def work(found: Locked) -> bool:
            if not await found.link.fetchval(_APPEND, *found.me, position, claim.number, data):
                there = await found.line(position)
                return position >= found.job.base and there is not None and there.claim == claim.number
            if ended is not None:
                await found.set("ended=$4", float(ended))
            if again is not None:
                await begin_again(found, position, again)
            return True

        return await self._of(claim, work)

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        found = await self._access.rows(_ROWS, *names(address), *numbers(uid), max(0, after), limit, PAGE)
        return [job_rows.line(row) for row in found]

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        async def work(found: Locked) -> bool:
            if let_go_already(claim, found.job):
                return True
            ours(claim, found.job)
            if bell is not None and found.job.bell != bell:
                return False
            await found.set("owner='',until=0,due=$4", None if due is None else float(due))
            return True

        return await self._of(claim, work)

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        sql = f"SELECT {NOTE} FROM roost.job_note WHERE {MINE} AND NOT taken ORDER BY n"
        return [job_rows.note(row) for row in await self._access.rows(sql, *names(address), *numbers(uid))]

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        async def change(link: Connection) -> None:
            found = await lock(link, claim.address, claim.uid)
            if found is not None and found.generation == claim.generation:
                await link.execute(
                    f"UPDATE roost.job_note SET taken=true WHERE {THIS} AND id=ANY($4::bytea[]) AND NOT taken",
                    *found.me, [raw(id) for id in ids],
                )  # fmt: skip

        await self._access.write(change)

    async def ask(self, claim: Claim, question: Question) -> None:
        async def work(found: Locked) -> None:
            if await found.question(question.id) is not None:
                return
            open_ones = await found.link.fetchval(
                f"SELECT count(*) FROM roost.job_question WHERE {THIS} AND closed IS NULL", *found.me
            )
            if open_ones >= QUESTIONS:
                raise inquisitive(claim)
            await found.link.execute(
                "INSERT INTO roost.job_question(aid,v,i,id,name,asked,expires,data) VALUES($1,$2,$3,$4,$5,$6,$7,$8)",
                *found.me, raw(question.id), raw(question.name), float(question.asked), float(question.expires),
                question.data,
            )  # fmt: skip

        await self._of(claim, work)

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        async def work(found: Locked) -> Question:
            asked = await found.question(question)
            if asked is None:
                raise no_question(claim.uid, question)
            if asked.closed is None:
                await close(found, question, now, None)
                asked = replace(asked, closed=now)
            return asked

        return await self._of(claim, work)

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        async def work(found: Locked) -> bool:
            if found.job.ended is not None:
                raise not_ours(claim)
            link, values = found.link, (line.first, line.last, claim.number, line.data)
            if not await link.fetchval(_STREAM, *found.me, *values):
                claimed = await link.fetchval(
                    f"SELECT claim FROM roost.job_stream WHERE {THIS} AND first=$4", *found.me, line.first
                )
                return bool(claimed == claim.number)
            if drop:
                await link.execute(
                    f"DELETE FROM roost.job_stream WHERE {THIS} AND first=ANY($4::int8[])", *found.me, list(drop)
                )
            return True

        return await self._of(claim, work)

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        found = await self._access.rows(_STREAMED, *names(address), *numbers(uid), after, limit, PAGE)
        return [job_rows.stream_line(row) for row in found]

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        async def change(link: Connection) -> None:
            mine = *names(address), *numbers(uid)
            await link.execute(
                _FOLLOW, *mine, raw(follower.cid), raw(follower.name), follower.after, float(follower.at),
                None if follower.expires is None else float(follower.expires),
            )  # fmt: skip
            await link.execute(_OLDER, *mine, FOLLOWERS)

        await self._access.write(change)

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        async def change(link: Connection) -> None:
            await link.execute(
                f"DELETE FROM roost.job_follow WHERE {MINE} AND cid=$5 AND name=$6", *names(address), *numbers(uid),
                raw(cid), raw(name),
            )  # fmt: skip

        await self._access.write(change)

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        found = await self._access.rows(
            f"SELECT cid,name,after,at,expires FROM roost.job_follow WHERE {MINE} ORDER BY at,cid,name",
            *names(address), *numbers(uid),
        )  # fmt: skip
        return [job_rows.follower(row) for row in found]

    # Whoever tells a job something -------------------------------------------------------------------

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        async def change(link: Connection) -> Rung:
            found = await self._open(link, address, uid)
            if note is None:
                return await found.rung(None, now)
            if (known := await found.note(note.id)) is not None:
                return await found.rung(known, now, False)
            if note.kind == "answer":
                first = answerable(uid, await found.question(note.name), note)
                if first is not None:
                    return await found.rung(first, now, False)
            if note.kind == "signal":
                waiting = await link.fetchval(
                    f"SELECT count(*) FROM roost.job_note WHERE {THIS} AND NOT taken", *found.me
                )
                if waiting >= SIGNALS:
                    raise crowded(address, uid)
            told = replace(note, n=found.job.bell + 1)
            await link.execute(TELL, *found.me, *job_rows.note_row(told, told.n), False)
            if note.kind == "answer":
                await close(found, note.name, note.at, note.id)
            return await found.rung(told, now)

        return await self._access.write(change)

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        async def change(link: Connection) -> Rung:
            found = await self._open(link, address, uid)
            found.job = held_as(found.job, held, now, until)
            await found.set("held=$4,held_until=$5", found.job.held, float(found.job.held_until))
            return await found.rung(None, now)

        return await self._access.write(change)

    async def _open(self, link: Connection, address: Address, uid: str) -> Locked:
        """The live job, to which things may still be told."""
        found = await lock(link, address, uid)
        if found is None:
            sql = f"SELECT 1 FROM roost.job_end WHERE {MINE}"
            if await link.fetchval(sql, *names(address), *numbers(uid)):
                raise over(address, uid)
            raise no_job(address, uid)
        if found.job.ended is not None:
            raise over(address, uid)
        return found

    # Whoever looks -----------------------------------------------------------------------------------

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        which = (*names(address), *numbers(uid))
        live = await self._access.rows(FOUND, *which)
        if live:
            return job_rows.job(live[0][2:])
        done = await self._access.rows(f"SELECT {LIVE},ended,outcome FROM roost.job_end WHERE {MINE}", *which)
        return job_rows.ended(done[0]) if done else None

    async def jobs(self, address: Address) -> Sequence[Job]:
        sql = f"SELECT {JOB} FROM roost.job WHERE aid={OF} ORDER BY v,i"
        return [job_rows.job(row) for row in await self._access.rows(sql, *names(address))]

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        sql = f"SELECT {LIVE},ended,outcome FROM roost.job_end WHERE aid={OF} ORDER BY done DESC,place DESC LIMIT $3"
        return [job_rows.ended(row) for row in await self._access.rows(sql, *names(address), limit)]

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        sql = f"{ASKED} WHERE q.aid={OF} AND q.v=$3 AND q.i=$4 ORDER BY q.asked,q.id"
        return [job_rows.question(row) for row in await self._access.rows(sql, *names(address), *numbers(uid))]

    async def due(self, address: Address) -> float | None:
        found = await self._access.rows(
            f"SELECT min(due) FROM roost.job WHERE aid={OF} AND NOT held", *names(address)
        )  # fmt: skip
        at: float | None = found[0][0]
        return at
