"""Rows of the tables of jobs to records and back."""

from __future__ import annotations

from typing import Any, Final, cast

from roost.contract.job import EndedJob, Job, JournalLine, LiveJob, Note, NoteKind, Question, numbers
from roost.contract.stream import Follower, StreamLine
from roost.contract.trigger import Source

from .rows import Values, maybe_raw, raw

LIVE: Final = "v,i,key,name,fp,started,deadline,source,principal"
JOB: Final = f"{LIVE},run,base,claim,owner,until,due,bell,held,held_until,ended"
NOTE: Final = "id,kind,name,data,at,source,principal,n"
QUESTION: Final = "q.id,q.name,q.data,q.asked,q.expires,q.closed"
OF_RUN: Final = ("job", "job_row", "job_note", "job_question", "job_follow")
"""Tables in which an ended job leaves nothing."""
TABLES: Final = (*OF_RUN, "job_stream", "job_end")


def live_row(x: LiveJob) -> tuple[Any, ...]:
    return (
        *numbers(x.uid), maybe_raw(x.key), raw(x.name), x.fingerprint, float(x.started), float(x.deadline), x.source,
        raw(x.principal),
    )  # fmt: skip


def live(row: Values) -> LiveJob:
    v, i, key, name, fp, started, deadline, source, principal = row[:9]
    return LiveJob(
        f"{v}.{i}", None if key is None else key.decode(), name.decode(), fp, started, deadline, cast("Source", source),
        principal.decode(),
    )  # fmt: skip


def job(row: Values) -> Job:
    run, base, claim, owner, until, due, bell, held, held_until, ended = row[9:19]
    return Job(live(row), run, base, claim, owner.decode(), until, due, bell, held, held_until, ended)


def ended(row: Values) -> EndedJob:
    return EndedJob(live(row), row[9], row[10])


def line(row: Values) -> JournalLine:
    return JournalLine(row[0], row[1], row[2])


def stream_line(row: Values) -> StreamLine:
    return StreamLine(row[0], row[1], row[2], row[3])


def follower(row: Values) -> Follower:
    cid, name, after, at, expires = row
    return Follower(cid.decode(), name.decode(), after, at, expires)


def note_row(x: Note, n: int) -> tuple[Any, ...]:
    return (raw(x.id), x.kind, raw(x.name), x.data, float(x.at), x.source, raw(x.principal), n)


def note(row: Values) -> Note:
    id, kind, name, data, at, source, principal, n = row
    return Note(
        id.decode(), cast("NoteKind", kind), name.decode(), data, at, cast("Source", source), principal.decode(), n
    )


def question(row: Values) -> Question:
    """Its columns, then those of the note that answered it, or nulls."""
    id, name, data, asked, expires, closed = row[:6]
    answer = None if row[6] is None else note(row[6:14])
    return Question(id.decode(), name.decode(), data, asked, expires, closed, answer)
