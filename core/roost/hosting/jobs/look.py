"""What is read from the tables of jobs."""

from __future__ import annotations

from typing import Final, TypeAlias

from ...contract.job import EndedJob, Job, JournalLine, LiveJob, Note, Question, numbers
from ...contract.stream import Follower, StreamLine
from .tables import (
    JOB,
    LIVE,
    NOTE,
    QUESTION,
    Dialect,
    Sql,
    end,
    follower,
    job,
    line,
    live,
    note,
    question,
    stream_line,
)  # fmt: skip

Me: TypeAlias = tuple[int, ...]
"""(aid,), or nothing in a store of one agent."""
PAGE: Final = 1 << 20
"""Bytes after which a page of rows ends."""
_ANSWER: Final = ",".join(f"n.{name}" for name in NOTE.split(","))


class Look:
    """Reads, on any connection."""

    def __init__(self, sql: Sql, dialect: Dialect) -> None:
        say = dialect.say
        self._sql = sql
        self._back = dialect.back
        on = "n.aid=q.aid AND " if dialect.shared else ""
        mine = "q.aid=? AND " if dialect.shared else ""
        self._lives = say(f"SELECT {LIVE} FROM job WHERE {{own}}1 ORDER BY v,i")
        self._jobs = say(f"SELECT {JOB} FROM job WHERE {{own}}1 ORDER BY v,i")
        self._job = say(f"SELECT {JOB} FROM job WHERE {{own}}v=? AND i=?")
        self._end = say(f"SELECT {LIVE},ended,outcome FROM job_end WHERE {{own}}v=? AND i=?")
        self._ends = say(
            f"SELECT {LIVE},ended,outcome FROM job_end WHERE {{own}}1 ORDER BY done DESC,place DESC LIMIT ?"
        )
        self._sizes = say(
            "SELECT position,length(data) FROM job_row WHERE {own}v=? AND i=? AND position>? ORDER BY position LIMIT ?"
        )
        self._rows = say(
            "SELECT position,claim,data FROM job_row WHERE {own}v=? AND i=? AND position>? AND position<=? "
            "ORDER BY position"
        )
        self._line = say("SELECT position,claim,data FROM job_row WHERE {own}v=? AND i=? AND position=?")
        self._notes = say(f"SELECT {NOTE} FROM job_note WHERE {{own}}v=? AND i=? AND NOT taken ORDER BY n")
        self._note = say(f"SELECT {NOTE} FROM job_note WHERE {{own}}v=? AND i=? AND id=?")
        asked = (
            f"SELECT {QUESTION},{_ANSWER} FROM job_question q LEFT JOIN job_note n "
            f"ON {on}n.v=q.v AND n.i=q.i AND n.id=q.answer WHERE {mine}q.v=? AND q.i=?"
        )
        self._questions = f"{asked} ORDER BY q.asked,q.id"
        self._question = f"{asked} AND q.id=?"
        self._streamed = say(
            "SELECT first,last,length(data) FROM job_stream WHERE {own}v=? AND i=? AND first>=ifnull("
            "(SELECT max(first) FROM job_stream WHERE {own}v=? AND i=? AND first<=?),0) ORDER BY first LIMIT ?"
        )
        self._streams = say(
            "SELECT first,last,claim,data FROM job_stream WHERE {own}v=? AND i=? AND first>=? AND first<=? "
            "ORDER BY first"
        )
        self._followers = say(
            "SELECT cid,name,after,at,expires FROM job_follow WHERE {own}v=? AND i=? ORDER BY at,cid,name"
        )
        self._due = say("SELECT min(due) FROM job WHERE {own}held<>1")

    def lives(self, me: Me) -> tuple[LiveJob, ...]:
        return tuple(live(row, self._back) for row in self._sql.rows(self._lives, *me))

    def jobs(self, me: Me) -> list[Job]:
        return [job(row, self._back) for row in self._sql.rows(self._jobs, *me)]

    def live(self, me: Me, uid: str) -> Job | None:
        found = self._sql.rows(self._job, *me, *numbers(uid))
        return job(found[0], self._back) if found else None

    def job(self, me: Me, uid: str) -> Job | EndedJob | None:
        found = self.live(me, uid)
        return self.end(me, uid) if found is None else found

    def end(self, me: Me, uid: str) -> EndedJob | None:
        found = self._sql.rows(self._end, *me, *numbers(uid))
        return end(found[0], self._back) if found else None

    def ends(self, me: Me, limit: int) -> list[EndedJob]:
        return [end(row, self._back) for row in self._sql.rows(self._ends, *me, limit)]

    def rows(self, me: Me, uid: str, after: int, limit: int) -> list[JournalLine]:
        which = numbers(uid)
        taken, last = 0, None
        for position, size in self._sql.rows(self._sizes, *me, *which, max(0, after), limit):
            if last is not None and taken + size > PAGE:
                break
            taken, last = taken + size, position
        if last is None:
            return []
        found = self._sql.rows(self._rows, *me, *which, max(0, after), last)
        return [line(row, self._back) for row in found]

    def line(self, me: Me, uid: str, position: int) -> JournalLine | None:
        found = self._sql.rows(self._line, *me, *numbers(uid), position)
        return line(found[0], self._back) if found else None

    def streamed(self, me: Me, uid: str, after: int, limit: int) -> list[StreamLine]:
        mine = (*me, *numbers(uid))
        found = self._sql.rows(self._streamed, *mine, *mine, after + 1, limit + 1)
        if len(found) > 1 and found[0][1] <= after:
            found = found[1:]
        if not found:
            return []
        size = last = 0
        for first, _, part in found[:limit]:
            if last and size + part > PAGE:
                break
            size, last = size + part, first
        return [stream_line(row, self._back) for row in self._sql.rows(self._streams, *mine, found[0][0], last)]

    def stream_line(self, me: Me, uid: str, first: int) -> StreamLine | None:
        found = self._sql.rows(self._streams, *me, *numbers(uid), first, first)
        return stream_line(found[0], self._back) if found else None

    def followers(self, me: Me, uid: str) -> list[Follower]:
        return [follower(row) for row in self._sql.rows(self._followers, *me, *numbers(uid))]

    def notes(self, me: Me, uid: str) -> list[Note]:
        return [note(row, self._back) for row in self._sql.rows(self._notes, *me, *numbers(uid))]

    def note(self, me: Me, uid: str, id: str) -> Note | None:
        found = self._sql.rows(self._note, *me, *numbers(uid), id)
        return note(found[0], self._back) if found else None

    def questions(self, me: Me, uid: str) -> list[Question]:
        return [question(row, self._back) for row in self._sql.rows(self._questions, *me, *numbers(uid))]

    def question(self, me: Me, uid: str, id: str) -> Question | None:
        found = self._sql.rows(self._question, *me, *numbers(uid), id)
        return question(found[0], self._back) if found else None

    def due(self, me: Me) -> float | None:
        at = self._sql.rows(self._due, *me)[0][0]
        return None if at is None else float(at)
