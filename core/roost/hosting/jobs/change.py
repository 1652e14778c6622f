"""The writes of a journal, each inside the caller's open transaction. A refusal comes before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...contract.address import Address
from ...contract.commit import Busy, Commit
from ...contract.job import (
    ENDED,
    KEPT,
    QUESTIONS,
    SIGNALS,
    Claim,
    Claimed,
    EndedJob,
    Job,
    JobKept,
    JobMoved,
    JobStart,
    LiveJob,
    Note,
    Question,
    Rung,
    mark,
    numbers,
)
from ...contract.job_mark import JobMark
from ...contract.job_refusals import (
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
    soonest,
)
from ...contract.refusals import moved_on
from ...contract.stream import FOLLOWERS, STREAM_KEPT, Follower, StreamLine
from .look import Look, Me
from .tables import LIVE, NAMES, NOTE, Dialect, Sql, live_row

_OF_RUN = NAMES[1:5]
"""What one job leaves behind."""


class Change:
    """`me` of each method: whose tables, as `Look` has it."""

    def __init__(self, sql: Sql, dialect: Dialect) -> None:
        say = dialect.say
        self.look = Look(sql, dialect)
        self._run = sql.run
        self._rows = sql.rows
        self._put = dialect.put
        self._say = say
        self._start = say(
            f"INSERT INTO job({{aid}}{LIVE},gen,run,base,claim,owner,until,due,bell,held) "
            "VALUES({mark}?,?,?,?,?,?,?,?,?,?,1,0,0,'',0,?,0,0)"
        )
        self._args = say("INSERT INTO job_row({aid}v,i,position,claim,data) VALUES({mark}?,?,?,0,?)")
        self._bury = say(
            f"INSERT INTO job_end({{aid}}{LIVE},done,place,ended,outcome) "
            f"SELECT {{aid}}{LIVE},?,?,?,? FROM job WHERE {{own}}v=? AND i=?"
        )
        self._line = say("INSERT INTO job_row({aid}v,i,position,claim,data) VALUES({mark}?,?,?,?,?)")
        self._as_it_was = say("UPDATE job SET run=?,base=?,claim=?,bell=?,held=?,ended=? WHERE {own}v=? AND i=?")
        self._keep = say(
            f"INSERT INTO job_end({{aid}}{LIVE},done,place,ended,outcome) VALUES({{mark}}?,?,?,?,?,?,?,?,?,?,?,?,?)"
        )
        self._claim = say("UPDATE job SET claim=?,owner=?,until=?,due=? WHERE {own}v=? AND i=?")
        self._renew = say("UPDATE job SET until=?,due=? WHERE {own}v=? AND i=?")
        self._let = say("UPDATE job SET owner='',until=0,due=? WHERE {own}v=? AND i=?")
        self._bell = say("UPDATE job SET bell=bell+1,due=? WHERE {own}v=? AND i=?")
        self._append = say(
            "INSERT INTO job_row({aid}v,i,position,claim,data) SELECT {aid}v,i,?,?,? FROM job "
            "WHERE {own}v=? AND i=? AND gen=? AND base<? ON CONFLICT DO NOTHING"
        )
        self._tell = say(f"INSERT INTO job_note({{aid}}v,i,{NOTE},taken) VALUES({{mark}}?,?,?,?,?,?,?,?,?,?,0)")
        self._take = say("UPDATE job_note SET taken=1 WHERE {own}v=? AND i=? AND id=? AND NOT taken")
        self._ask = say("INSERT INTO job_question({aid}v,i,id,name,asked,expires,data) VALUES({mark}?,?,?,?,?,?,?)")
        self._close = say("UPDATE job_question SET closed=?,answer=? WHERE {own}v=? AND i=? AND id=?")
        self._oldest = say(
            f"SELECT done,place FROM job_end WHERE {{own}}1 ORDER BY done DESC,place DESC LIMIT 1 OFFSET {ENDED}"
        )
        self._stream = say(
            "INSERT INTO job_stream({aid}v,i,first,last,claim,data) SELECT {aid}v,i,?,?,?,? FROM job "
            "WHERE {own}v=? AND i=? AND gen=? AND ended IS NULL ON CONFLICT DO NOTHING"
        )
        self._unheard = say("DELETE FROM job_stream WHERE {own}v=? AND i=? AND first=?")
        of = "{own}v=job_stream.v AND i=job_stream.i"
        self._over = say(
            f"DELETE FROM job_stream WHERE {{own}}NOT EXISTS(SELECT 1 FROM job WHERE {of}) AND "
            f"NOT EXISTS(SELECT 1 FROM job_end WHERE {of} AND ended>=?)"
        )
        self._follow = say(
            "INSERT INTO job_follow({aid}v,i,cid,name,after,at,expires) SELECT {aid}v,i,?,?,?,?,? FROM job "
            "WHERE {own}v=? AND i=? ON CONFLICT DO UPDATE SET after=excluded.after,at=excluded.at,"
            "expires=excluded.expires"
        )
        self._unfollow = say("DELETE FROM job_follow WHERE {own}v=? AND i=? AND cid=? AND name=?")
        self._gen = say("SELECT gen FROM job WHERE {own}v=? AND i=?")

    # Of a commit -------------------------------------------------------------------------------------

    def commit(self, me: Me, c: Commit) -> None:
        """What the commit says of jobs."""
        for place, one in enumerate(c.jobs):
            if isinstance(one, JobStart):
                self._born(me, one.live, c, one.args, 1)
                continue
            if isinstance(one, JobMoved):
                self._moved(me, one, c)
                continue
            if isinstance(one, JobKept):
                kept = one.ended
                values = live_row(kept.live, self._put)
                self._run(self._keep, *me, *values, c.version, place, kept.ended, self._put(kept.outcome))
                continue
            which = numbers(one.uid)
            if self._run(self._bury, c.version, place, c.at, self._put(one.outcome), *me, *which):
                for table in ("job", *_OF_RUN):
                    self._run(self._say(f"DELETE FROM {table} WHERE {{own}}v=? AND i=?"), *me, *which)
                self._trim(me, c.at)

    def _born(self, me: Me, live: LiveJob, c: Commit, args: bytes, run: int) -> None:
        values = live_row(live, self._put)
        self._run(self._start, *me, *values, c.generation, c.at)
        self._run(self._args, *me, *values[:2], -run, self._put(args))

    def _moved(self, me: Me, one: JobMoved, c: Commit) -> None:
        job, put = one.job, self._put
        which = numbers(job.live.uid)
        self._born(me, job.live, c, one.args, job.run)
        self._run(self._as_it_was, job.run, job.base, job.claim, job.bell, int(job.held), job.ended, *me, *which)
        for line in one.lines:
            self._run(self._line, *me, *which, line.position, line.claim, put(line.data))
        taken = {x.id: x for x in one.taken} | {q.answer.id: q.answer for q in one.questions if q.answer is not None}
        for x in one.notes:
            self._note(me, which, x)
            taken.pop(x.id, None)
        for id, x in taken.items():
            self._note(me, which, x)
            self._run(self._take, *me, *which, id)
        for q in one.questions:
            self._run(self._ask, *me, *which, q.id, q.name, q.asked, q.expires, put(q.data))
            if q.closed is not None:
                self._run(self._close, q.closed, None if q.answer is None else q.answer.id, *me, *which, q.id)

    def _note(self, me: Me, which: tuple[int, int], x: Note) -> None:
        self._run(
            self._tell, *me, *which, x.id, x.kind, x.name, self._put(x.data), x.at, x.source, x.principal, x.n
        )  # fmt: skip

    def seen(self, me: Me, address: Address, marks: Sequence[JobMark]) -> None:
        """Rejected `changed`: the live jobs are not as they are said to be."""
        if set(map(mark, self.look.jobs(me))) != set(marks):
            raise moved_on(address)

    def _trim(self, me: Me, at: float) -> None:
        """Outcomes whose time is over, and all but the newest; streams of jobs that ended a while ago."""
        self._run(self._over, *me, *me, *me, at - STREAM_KEPT)
        self._run(self._say("DELETE FROM job_end WHERE {own}ended<?"), *me, at - KEPT)
        edge = self._rows(self._oldest, *me)
        if edge:
            self._run(self._say("DELETE FROM job_end WHERE {own}(done,place)<=(?,?)"), *me, *edge[0])

    def destroy(self, me: Me) -> None:
        """Nothing of any job is left."""
        for table in NAMES:
            self._run(self._say(f"DELETE FROM {table} WHERE {{own}}1"), *me)

    # Executors ---------------------------------------------------------------------------------------

    def _of(self, me: Me, claim: Claim) -> Job:
        """The live job of the claim's life, whoever has it."""
        found = self.look.live(me, claim.uid)
        if found is None or self._life(me, claim.uid) != claim.generation:
            raise not_ours(claim)
        return found

    def _life(self, me: Me, uid: str) -> int:
        return int(self._rows(self._gen, *me, *numbers(uid))[0][0])

    def claim(
        self, me: Me, address: Address, uid: str, owner: str, now: float, until: float, sole: bool
    ) -> Claimed | Busy | None:
        job = self.look.live(me, uid)
        if job is None:
            return None
        if not sole and job.owner not in ("", owner) and job.until > now:
            return Busy(job.until)
        job = replace(job, claim=job.claim + 1, owner=owner, until=until, due=until)
        self._run(self._claim, job.claim, owner, until, until, *me, *numbers(uid))
        args = self.look.line(me, uid, -job.run)
        claim = Claim(address, self._life(me, uid), uid, job.claim, owner, "", job.live.deadline)
        return Claimed(claim, job, b"" if args is None else args.data)

    def renew(self, me: Me, claim: Claim, until: float) -> Job:
        job = replace(ours(claim, self._of(me, claim)), until=until, due=until)
        self._run(self._renew, until, until, *me, *numbers(claim.uid))
        return job

    def append(
        self, me: Me, claim: Claim, position: int, data: bytes, again: bytes | None, ended: float | None
    ) -> bool:
        size(claim, data)
        which, put = numbers(claim.uid), self._put
        values = (position, claim.number, put(data), *me, *which, claim.generation, position)
        if not self._run(self._append, *values):
            job = self._of(me, claim)
            found = self.look.line(me, claim.uid, position)
            return position >= job.base and found is not None and found.claim == claim.number
        if ended is not None:
            self._run(self._say("UPDATE job SET ended=? WHERE {own}v=? AND i=?"), ended, *me, *which)
        if again is not None:
            self._again(me, which, position, again)
        return True

    def _again(self, me: Me, which: tuple[int, int], position: int, args: bytes) -> None:
        run, say = self._run, self._say
        run(say("UPDATE job SET run=run+1,base=? WHERE {own}v=? AND i=?"), position, *me, *which)
        run(say("DELETE FROM job_row WHERE {own}v=? AND i=? AND position<?"), *me, *which, position)
        number = self._rows(say("SELECT run FROM job WHERE {own}v=? AND i=?"), *me, *which)[0][0]
        run(self._args, *me, *which, -number, self._put(args))
        run(say("DELETE FROM job_note WHERE {own}v=? AND i=? AND taken"), *me, *which)
        run(say("DELETE FROM job_question WHERE {own}v=? AND i=?"), *me, *which)

    def stream(self, me: Me, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        which = numbers(claim.uid)
        values = (line.first, line.last, claim.number, self._put(line.data), *me, *which, claim.generation)
        if not self._run(self._stream, *values):
            if self._of(me, claim).ended is not None:
                raise not_ours(claim)
            found = self.look.stream_line(me, claim.uid, line.first)
            return found is not None and found.claim == claim.number
        for first in drop:
            self._run(self._unheard, *me, *which, first)
        return True

    def follow(self, me: Me, uid: str, one: Follower) -> None:
        which = numbers(uid)
        self._run(self._follow, one.cid, one.name, one.after, one.at, one.expires, *me, *which)
        for old in self.look.followers(me, uid)[:-FOLLOWERS]:
            self._run(self._unfollow, *me, *which, old.cid, old.name)

    def unfollow(self, me: Me, uid: str, cid: str, name: str) -> None:
        self._run(self._unfollow, *me, *numbers(uid), cid, name)

    def let_go(self, me: Me, claim: Claim, bell: int | None, due: float | None) -> bool:
        job = self._of(me, claim)
        if let_go_already(claim, job):
            return True
        ours(claim, job)
        if bell is not None and job.bell != bell:
            return False
        self._run(self._let, due, *me, *numbers(claim.uid))
        return True

    def taken(self, me: Me, claim: Claim, ids: Sequence[str]) -> None:
        if self.look.live(me, claim.uid) is not None and self._life(me, claim.uid) == claim.generation:
            for id in ids:
                self._run(self._take, *me, *numbers(claim.uid), id)

    def ask(self, me: Me, claim: Claim, q: Question) -> None:
        self._of(me, claim)
        asked = self.look.questions(me, claim.uid)
        if any(one.id == q.id for one in asked):
            return
        if sum(one.closed is None for one in asked) >= QUESTIONS:
            raise inquisitive(claim)
        self._run(self._ask, *me, *numbers(claim.uid), q.id, q.name, q.asked, q.expires, self._put(q.data))

    def expire(self, me: Me, claim: Claim, id: str, now: float) -> Question:
        self._of(me, claim)
        found = self.look.question(me, claim.uid, id)
        if found is None:
            raise no_question(claim.uid, id)
        if found.closed is None:
            self._run(self._close, now, None, *me, *numbers(claim.uid), id)
            found = replace(found, closed=now)
        return found

    # Whoever tells a job something -------------------------------------------------------------------

    def ring(self, me: Me, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        job = self._open(me, address, uid)
        if note is None:
            return self._ring(me, job, None, now)
        if (known := self.look.note(me, uid, note.id)) is not None:
            return self._ring(me, job, known, now, False)
        if note.kind == "answer":
            first = answerable(uid, self.look.question(me, uid, note.name), note)
            if first is not None:
                return self._ring(me, job, first, now, False)
        if note.kind == "signal" and len(self.look.notes(me, uid)) >= SIGNALS:
            raise crowded(address, uid)
        note = replace(note, n=job.bell + 1)
        which = numbers(uid)
        self._note(me, which, note)
        if note.kind == "answer":
            self._run(self._close, note.at, note.id, *me, *which, note.name)
        return self._ring(me, job, note, now)

    def hold(self, me: Me, address: Address, uid: str, held: bool, now: float, until: float) -> Rung:
        job = held_as(self._open(me, address, uid), held, now, until)
        sql = self._say("UPDATE job SET held=? WHERE {own}v=? AND i=?")
        self._run(sql, 1 if job.held else job.held_until, *me, *numbers(uid))
        return self._ring(me, job, None, now)

    def _open(self, me: Me, address: Address, uid: str) -> Job:
        found = self.look.job(me, uid)
        if found is None:
            raise no_job(address, uid)
        if isinstance(found, EndedJob) or found.ended is not None:
            raise over(address, uid)
        return found

    def _ring(self, me: Me, job: Job, note: Note | None, now: float, fresh: bool = True) -> Rung:
        until = job.until if job.owner and job.until > now else 0.0
        due = job.due
        if not until:
            due = soonest(job, now)
        self._run(self._bell, due, *me, *numbers(job.live.uid))
        return Rung(note, until, fresh)
