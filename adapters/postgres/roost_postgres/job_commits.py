"""What a commit says of jobs: those that begin, end, or come with an import. Its caller has locked the agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from roost.contract.address import Address
from roost.contract.commit import Commit
from roost.contract.job import ENDED, KEPT, JobKept, JobMoved, JobStart, LiveJob, mark, numbers
from roost.contract.job_mark import JobMark
from roost.contract.refusals import moved_on
from roost.contract.stream import STREAM_KEPT

from . import job_rows
from .job_rows import JOB, LIVE, NOTE, OF_RUN, live_row, note_row
from .rows import marks, maybe_raw, raw

if TYPE_CHECKING:
    from .links import Connection

_START: Final = (
    f"INSERT INTO roost.job(aid,{LIVE},gen,run,base,claim,owner,until,due,bell,held,held_until) "
    f"VALUES({marks(10)},$11,1,0,0,'',0,$12,0,false,0)"
)
_ROW: Final = "INSERT INTO roost.job_row(aid,v,i,position,claim,data) VALUES($1,$2,$3,$4,$5,$6)"
_AS_IT_WAS: Final = (
    "UPDATE roost.job SET run=$4,base=$5,claim=$6,bell=$7,held=$8,ended=$9 WHERE aid=$1 AND v=$2 AND i=$3"
)
TELL: Final = f"INSERT INTO roost.job_note(aid,v,i,{NOTE},taken) VALUES({marks(12)})"
_ASK: Final = (
    f"INSERT INTO roost.job_question(aid,v,i,id,name,asked,expires,data,closed,answer) VALUES({marks(10)})"
)  # fmt: skip
_KEEP: Final = f"INSERT INTO roost.job_end(aid,{LIVE},done,place,ended,outcome) VALUES({marks(14)})"
_END: Final = (
    f"INSERT INTO roost.job_end(aid,{LIVE},done,place,ended,outcome) SELECT aid,{LIVE},$4::int8,$5::int4,$6::float8,"
    "$7::bytea FROM roost.job WHERE aid=$1 AND v=$2 AND i=$3 RETURNING 1"
)
_OVER: Final = (
    "DELETE FROM roost.job_stream s WHERE aid=$1 AND NOT EXISTS(SELECT 1 FROM roost.job j WHERE j.aid=s.aid AND "
    "j.v=s.v AND j.i=s.i) AND NOT EXISTS(SELECT 1 FROM roost.job_end e WHERE e.aid=s.aid AND e.v=s.v AND e.i=s.i "
    "AND ended>=$2)"
)


async def change_jobs(link: Connection, aid: int, c: Commit) -> None:
    for place, one in enumerate(c.jobs):
        if isinstance(one, JobStart):
            await _born(link, aid, one.live, c, one.args, 1)
        elif isinstance(one, JobMoved):
            await _moved(link, aid, one, c)
        elif isinstance(one, JobKept):
            kept = one.ended
            await link.execute(_KEEP, aid, *live_row(kept.live), c.version, place, float(kept.ended), kept.outcome)
        else:
            which = numbers(one.uid)
            await link.fetchval("SELECT 1 FROM roost.job WHERE aid=$1 AND v=$2 AND i=$3 FOR UPDATE", aid, *which)
            if await link.fetchval(_END, aid, *which, c.version, place, float(c.at), one.outcome):
                for table in OF_RUN:
                    await link.execute(f"DELETE FROM roost.{table} WHERE aid=$1 AND v=$2 AND i=$3", aid, *which)
                await _forget(link, aid, c.at)


async def seen(link: Connection, aid: int, address: Address, there: Sequence[JobMark]) -> None:
    """Rejected `changed`: the live jobs are not as they are said to be. Nothing is told to them from now on."""
    found = await link.fetch(f"SELECT {JOB} FROM roost.job WHERE aid=$1 ORDER BY v,i FOR UPDATE", aid)
    if {mark(job_rows.job(row)) for row in found} != set(there):
        raise moved_on(address)


async def _born(link: Connection, aid: int, live: LiveJob, c: Commit, args: bytes, run: int) -> None:
    values = live_row(live)
    await link.execute(_START, aid, *values, c.generation, float(c.at))
    await link.execute(_ROW, aid, *values[:2], -run, 0, args)


async def _moved(link: Connection, aid: int, one: JobMoved, c: Commit) -> None:
    job = one.job
    me = (aid, *numbers(job.live.uid))
    await _born(link, aid, job.live, c, one.args, job.run)
    ended = None if job.ended is None else float(job.ended)
    await link.execute(_AS_IT_WAS, *me, job.run, job.base, job.claim, job.bell, job.held, ended)
    await link.executemany(_ROW, [(*me, x.position, x.claim, x.data) for x in one.lines])
    taken = {x.id: x for x in one.taken} | {q.answer.id: q.answer for q in one.questions if q.answer is not None}
    for x in one.notes:
        await link.execute(TELL, *me, *note_row(x, x.n), False)
        taken.pop(x.id, None)
    await link.executemany(TELL, [(*me, *note_row(x, x.n), True) for x in taken.values()])
    for q in one.questions:
        answer = None if q.answer is None else q.answer.id
        closed = None if q.closed is None else float(q.closed)
        await link.execute(
            _ASK, *me, raw(q.id), raw(q.name), float(q.asked), float(q.expires), q.data, closed, maybe_raw(answer)
        )


async def _forget(link: Connection, aid: int, at: float) -> None:
    """Outcomes of jobs whose time is over, and all but the newest; streams of jobs that ended a while ago."""
    await link.execute(_OVER, aid, float(at) - STREAM_KEPT)
    await link.execute("DELETE FROM roost.job_end WHERE aid=$1 AND ended<$2", aid, float(at) - KEPT)
    edge: Any = await link.fetchrow(
        f"SELECT done,place FROM roost.job_end WHERE aid=$1 ORDER BY done DESC,place DESC LIMIT 1 OFFSET {ENDED}", aid
    )
    if edge is not None:
        await link.execute("DELETE FROM roost.job_end WHERE aid=$1 AND (done,place)<=($2,$3)", aid, edge[0], edge[1])
