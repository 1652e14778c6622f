"""A live job whose row a transaction has locked, and what is changed under that lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.job import Job, JournalLine, Note, Question, Rung, numbers
from roost.contract.job_refusals import soonest

from . import job_rows
from .job_rows import JOB, NOTE, QUESTION
from .reads import names
from .rows import raw

if TYPE_CHECKING:
    from .links import Connection

OF: Final = "(SELECT aid FROM roost.head WHERE kind=$1 AND key=$2)"
THIS: Final = "aid=$1 AND v=$2 AND i=$3"
MINE: Final = f"aid={OF} AND v=$3 AND i=$4"
FOUND: Final = f"SELECT aid,gen,{JOB} FROM roost.job WHERE {MINE}"
_ANSWER: Final = ",".join(f"n.{name}" for name in NOTE.split(","))
ASKED: Final = (
    f"SELECT {QUESTION},{_ANSWER} FROM roost.job_question q LEFT JOIN roost.job_note n "
    "ON n.aid=q.aid AND n.v=q.v AND n.i=q.i AND n.id=q.answer"
)
_NOTE: Final = f"SELECT {NOTE} FROM roost.job_note WHERE {THIS} AND id=$4"


class Locked:
    """A live job whose row this transaction has locked."""

    __slots__ = ("generation", "job", "link", "me")

    def __init__(self, link: Connection, me: tuple[int, int, int], generation: int, job: Job) -> None:
        self.link = link
        self.me = me
        self.generation = generation
        self.job = job

    async def set(self, columns: str, *values: object) -> None:
        """`columns`: their values begin at $4."""
        await self.link.execute(f"UPDATE roost.job SET {columns} WHERE {THIS}", *self.me, *values)

    async def note(self, id: str) -> Note | None:
        row = await self.link.fetchrow(_NOTE, *self.me, raw(id))
        return None if row is None else job_rows.note(row)

    async def question(self, id: str) -> Question | None:
        row = await self.link.fetchrow(f"{ASKED} WHERE q.aid=$1 AND q.v=$2 AND q.i=$3 AND q.id=$4", *self.me, raw(id))
        return None if row is None else job_rows.question(row)

    async def line(self, position: int) -> JournalLine | None:
        row = await self.link.fetchrow(
            f"SELECT position,claim,data FROM roost.job_row WHERE {THIS} AND position=$4", *self.me, position
        )
        return None if row is None else job_rows.line(row)

    async def rung(self, note: Note | None, now: float, fresh: bool = True) -> Rung:
        job = self.job
        until = job.until if job.owner and job.until > now else 0.0
        due = job.due
        if not until:
            due = soonest(job, now)
        await self.set("bell=bell+1,due=$4", None if due is None else float(due))
        return Rung(note, until, fresh)


async def lock(link: Connection, address: Address, uid: str) -> Locked | None:
    """The live job, nobody else's until the transaction ends."""
    row = await link.fetchrow(f"{FOUND} FOR NO KEY UPDATE", *names(address), *numbers(uid))
    return None if row is None else Locked(link, (row[0], *numbers(uid)), row[1], job_rows.job(row[2:]))


async def close(found: Locked, question: str, at: float, answer: str | None) -> None:
    await found.link.execute(
        f"UPDATE roost.job_question SET closed=$5,answer=$6 WHERE {THIS} AND id=$4",
        *found.me, raw(question), float(at), None if answer is None else raw(answer),
    )  # fmt: skip


async def begin_again(found: Locked, position: int, args: bytes) -> None:
    """The next run begins with the row at `position`."""
    link, me, run = found.link, found.me, found.job.run + 1
    await found.set("run=$4,base=$5", run, position)
    await link.execute(f"DELETE FROM roost.job_row WHERE {THIS} AND position<$4", *me, position)
    await link.execute(
        "INSERT INTO roost.job_row(aid,v,i,position,claim,data) VALUES($1,$2,$3,$4,0,$5)", *me, -run, args
    )
    await link.execute(f"DELETE FROM roost.job_note WHERE {THIS} AND taken", *me)
    await link.execute(f"DELETE FROM roost.job_question WHERE {THIS}", *me)
