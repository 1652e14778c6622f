"""The tables of jobs. A store of many agents puts `aid` in front of each key; one of a single agent has none.

A job is found by the two numbers of its uid. The arguments of run r stand at position -r of `job_row`, where no claim
has to rewrite them. A Durable Object pays for each row written, so each step is one row, and nothing has an index
there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

from ...contract.job import EndedJob, Job, JournalLine, LiveJob, Note, NoteKind, Question, numbers
from ...contract.stream import Follower, StreamLine
from ...contract.trigger import Source

NAMES: Final = ("job", "job_row", "job_note", "job_question", "job_follow", "job_stream", "job_end")
LIVE: Final = "v,i,key,name,fp,started,deadline,source,principal"
JOB: Final = f"{LIVE},run,base,claim,owner,until,due,bell,held,ended"
"""`held`: 1 = an operator holds it, a greater number = an export does, until then."""
NOTE: Final = "id,kind,name,data,at,source,principal,n"
QUESTION: Final = "q.id,q.name,q.data,q.asked,q.expires,q.closed"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS job({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, gen INTEGER NOT NULL, key TEXT,
    name TEXT NOT NULL, fp NOT NULL, started REAL NOT NULL, deadline REAL NOT NULL, source TEXT NOT NULL,
    principal TEXT NOT NULL, run INTEGER NOT NULL, base INTEGER NOT NULL, claim INTEGER NOT NULL, owner TEXT NOT NULL,
    until REAL NOT NULL, due REAL, bell INTEGER NOT NULL, held INTEGER NOT NULL, ended REAL,
    PRIMARY KEY({key}v, i)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_row({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, position INTEGER NOT NULL,
    claim INTEGER NOT NULL, data NOT NULL, PRIMARY KEY({key}v, i, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_note({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, at REAL NOT NULL, source TEXT NOT NULL, principal TEXT NOT NULL, n INTEGER NOT NULL,
    taken INTEGER NOT NULL, data NOT NULL, PRIMARY KEY({key}v, i, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_question({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, id TEXT NOT NULL,
    name TEXT NOT NULL, asked REAL NOT NULL, expires REAL NOT NULL, closed REAL, answer TEXT, data NOT NULL,
    PRIMARY KEY({key}v, i, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_follow({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, cid TEXT NOT NULL,
    name TEXT NOT NULL, after TEXT NOT NULL, at REAL NOT NULL, expires REAL, PRIMARY KEY({key}v, i, cid, name)
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_stream({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, claim INTEGER NOT NULL, data NOT NULL, PRIMARY KEY({key}v, i, first)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_end({aid}v INTEGER NOT NULL, i INTEGER NOT NULL, key TEXT, name TEXT NOT NULL,
    fp NOT NULL, started REAL NOT NULL, deadline REAL NOT NULL, source TEXT NOT NULL, principal TEXT NOT NULL,
    done INTEGER NOT NULL, place INTEGER NOT NULL, ended REAL NOT NULL, outcome NOT NULL,
    PRIMARY KEY({key}v, i)) WITHOUT ROWID;
"""


def tables(shared: bool) -> str:
    """The script that makes them. `shared`: by many agents, each with an `aid`."""
    return _TABLES.format(aid="aid INTEGER NOT NULL, " if shared else "", key="aid, " if shared else "")


class Sql(Protocol):
    """A connection, with its transaction open where something is written."""

    def run(self, sql: str, *values: Any) -> int:
        """How many rows it wrote."""
        ...

    def rows(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]: ...


class Dialect:
    """How a store says whose rows are meant, and how it gives and takes bytes."""

    __slots__ = ("back", "put", "shared")

    def __init__(self, shared: bool, put: Callable[[bytes], Any], back: Callable[[Any], bytes]) -> None:
        self.shared = shared
        self.put = put
        self.back = back

    def say(self, sql: str) -> str:
        """A statement: {own} stands in a condition, {aid} and {mark} in a list of columns and of their values."""
        if self.shared:
            return sql.format(own="aid=? AND ", aid="aid,", mark="?,")
        return sql.format(own="", aid="", mark="")


def live(row: Sequence[Any], back: Callable[[Any], bytes]) -> LiveJob:
    v, i, key, name, fp, started, deadline, source, principal = row[:9]
    return LiveJob(f"{v}.{i}", key, name, back(fp), float(started), float(deadline), cast("Source", source), principal)


def live_row(one: LiveJob, put: Callable[[bytes], Any]) -> tuple[Any, ...]:
    return (
        *numbers(one.uid), one.key, one.name, put(one.fingerprint), one.started, one.deadline, one.source,
        one.principal,
    )  # fmt: skip


def job(row: Sequence[Any], back: Callable[[Any], bytes]) -> Job:
    run, base, claim, owner, until, due, bell, held, ended = row[9:18]
    return Job(
        live(row, back), run, base, claim, owner, float(until), None if due is None else float(due), bell, held == 1,
        0.0 if held == 1 else float(held), None if ended is None else float(ended),
    )  # fmt: skip


def line(row: Sequence[Any], back: Callable[[Any], bytes]) -> JournalLine:
    return JournalLine(row[0], row[1], back(row[2]))


def stream_line(row: Sequence[Any], back: Callable[[Any], bytes]) -> StreamLine:
    return StreamLine(row[0], row[1], row[2], back(row[3]))


def follower(row: Sequence[Any]) -> Follower:
    cid, name, after, at, expires = row
    return Follower(cid, name, after, float(at), None if expires is None else float(expires))


def note(row: Sequence[Any], back: Callable[[Any], bytes]) -> Note:
    id, kind, name, data, at, source, principal, n = row
    return Note(id, cast("NoteKind", kind), name, back(data), float(at), cast("Source", source), principal, n)


def question(row: Sequence[Any], back: Callable[[Any], bytes]) -> Question:
    """Its columns, then those of the note that answered it, or nulls."""
    id, name, data, asked, expires, closed = row[:6]
    answer = None if row[6] is None else note(row[6:14], back)
    return Question(
        id, name, back(data), float(asked), float(expires), None if closed is None else float(closed), answer
    )


def end(row: Sequence[Any], back: Callable[[Any], bytes]) -> EndedJob:
    return EndedJob(live(row, back), float(row[9]), back(row[10]))
