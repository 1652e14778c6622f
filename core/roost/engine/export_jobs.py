"""The jobs in an export document (rule 48): live ones with their journals, and what those that ended came to."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from ..contract.address import check_key
from ..contract.commit import Commit, Handled, Outcome
from ..contract.job import (
    ENDED,
    LIVE,
    LIVE_BYTES,
    OUTCOME_BYTES,
    QUESTIONS,
    ROW_BYTES,
    SIGNALS,
    EndedJob,
    Job,
    JobKept,
    JobMoved,
    JournalLine,
    LiveJob,
    Note,
    NoteKind,
    Question,
    live_bytes,
    numbers,
)
from ..contract.job_refusals import SLACK
from ..contract.trigger import Source
from .export_values import Count, Instant, member

Bytes = Callable[[Mapping[str, Any], str], bytes]
"""The stored JSON of a member."""


class Jobs:
    """What travels of the jobs of an agent. Falsy: nothing."""

    def __init__(self, live: Sequence[JobMoved], ended: Sequence[EndedJob], inbox: Sequence[Handled]) -> None:
        """`ended`: the newest first."""
        self.live, self.ended, self.inbox = live, ended, inbox

    def __bool__(self) -> bool:
        return bool(self.live or self.ended)

    def dump(self) -> dict[str, Any]:
        return {
            "jobs": [_moved(one) for one in self.live],
            "ended_jobs": [
                {**_live(x.live), "ended": x.ended, **member("outcome", x.outcome)} for x in self.ended
            ],
            "done": [
                {
                    "id": x.id, "fingerprint": x.fingerprint.hex(), "outcome": x.outcome, **member("value", x.value),
                    "expires": x.expires,
                }
                for x in self.inbox
            ],
        }  # fmt: skip


def _live(x: LiveJob) -> dict[str, Any]:
    return {
        "id": x.uid, "key": x.key, "name": x.name, "fingerprint": x.fingerprint.hex(), "started": x.started,
        "deadline": x.deadline, "source": x.source, "principal": x.principal,
    }  # fmt: skip


def _moved(one: JobMoved) -> dict[str, Any]:
    job = one.job
    return {
        **_live(job.live), "run": job.run, "base": job.base, "claim": job.claim, "bell": job.bell, "held": job.held,
        "ended": job.ended, **member("args", one.args),
        "rows": [[line.claim, *_text(line.data)] for line in one.lines],
        "notes": [_note(x) for x in one.notes],
        "taken": [_note(x) for x in one.taken],
        "questions": [
            {
                "id": q.id, "name": q.name, **member("data", q.data), "asked": q.asked, "expires": q.expires,
                "closed": q.closed, "answer": None if q.answer is None else _note(q.answer),
            }
            for q in one.questions
        ],
    }  # fmt: skip


def _note(x: Note) -> dict[str, Any]:
    return {
        "id": x.id, "kind": x.kind, "name": x.name, **member("data", x.data), "at": x.at, "source": x.source,
        "principal": x.principal, "n": x.n,
    }  # fmt: skip


def _text(data: bytes) -> list[Any]:
    """A row byte by byte: as text, or where it is none in base64."""
    try:
        return [data.decode()]
    except UnicodeDecodeError:
        return [None, b64encode(data).decode()]


def restore(commit: Commit, document: Mapping[str, Any], bytes_of: Bytes) -> None:
    """What the document says of jobs, into the commit. ValueError, ValidationError: it can't be."""
    doc = _shape().validate_python(document)
    live = [_moved_of(x, bytes_of) for x in doc["jobs"]]
    ended = [EndedJob(_live_of(x), x["ended"], bytes_of(x, "outcome")) for x in doc["ended_jobs"]]
    _check(live, ended, document["version"])
    commit.jobs = (*live, *map(JobKept, reversed(ended)))
    old, own = f"{document['kind']}/{document['key']}", str(commit.address)
    commit.inbox = tuple(_done(x, old, own, bytes_of) for x in doc["done"])


def _check(live: Sequence[JobMoved], ended: Sequence[EndedJob], version: int) -> None:
    uids = [*(one.job.live.uid for one in live), *(one.live.uid for one in ended)]
    for uid in uids:
        number, i = numbers(uid)
        if number < 0 or number > version or i > 9999:
            raise ValueError(f"{uid!r} is no id of a job that its agent could have started by version {version}")
    if len(set(uids)) < len(uids):
        raise ValueError("two of its jobs have one id")
    if len(live) > LIVE or len(ended) > ENDED:
        raise ValueError(f"an agent has {LIVE} live jobs and keeps {ENDED} that ended, at most")
    named = [one.job.live.key for one in live if one.job.live.key is not None]
    if len(set(named)) < len(named):
        raise ValueError("two of its live jobs have one key")
    for one in live:
        what = f"its job {one.job.live.uid}"
        if one.job.live.key is not None:
            check_key(one.job.live.key, what="a job's key")
        if live_bytes(one.job.live) > LIVE_BYTES:
            raise ValueError(f"{what} has a name and a key that are too long")
        if any(len(line.data) > ROW_BYTES + SLACK for line in one.lines):
            raise ValueError(f"{what} has a row of more than {ROW_BYTES} bytes")
        if sum(x.kind == "signal" for x in one.notes) > SIGNALS:
            raise ValueError(f"more than {SIGNALS} signals wait for {what}")
        if sum(q.closed is None for q in one.questions) > QUESTIONS:
            raise ValueError(f"{what} has more than {QUESTIONS} open questions")
        _once((x.id for x in (*one.notes, *one.taken)), f"the notes of {what}")
        _once((q.id for q in one.questions), f"the questions of {what}")
    if any(len(x.outcome) > OUTCOME_BYTES for x in ended):
        raise ValueError(f"one of its jobs came to more than {OUTCOME_BYTES} bytes")


def _once(ids: Iterable[str], what: str) -> None:
    found = list(ids)
    if len(set(found)) < len(found):
        raise ValueError(f"two of {what} have one id")


def _live_of(x: _Live) -> LiveJob:
    return LiveJob(
        x["id"], x["key"], x["name"], bytes.fromhex(x["fingerprint"]), x["started"], x["deadline"], x["source"],
        x["principal"],
    )  # fmt: skip


def _moved_of(x: _Moved, bytes_of: Bytes) -> JobMoved:
    base, lines = x["base"], list[JournalLine]()
    for position, (claim, *data) in enumerate(x["rows"], base + 1):
        raw = data[0].encode() if data[0] is not None else b64decode(data[-1] or "", validate=True)
        lines.append(JournalLine(position, claim, raw))
    job = Job(
        _live_of(x), x["run"], base, x["claim"], bell=x["bell"], held=x["held"], ended=x["ended"],
    )  # fmt: skip
    return JobMoved(
        job, bytes_of(x, "args"), tuple(lines), tuple(_note_of(n, bytes_of) for n in x["notes"]),
        tuple(_note_of(n, bytes_of) for n in x["taken"]), tuple(_question_of(q, bytes_of) for q in x["questions"]),
    )  # fmt: skip


def _note_of(x: _Note, bytes_of: Bytes) -> Note:
    return Note(
        x["id"], x["kind"], x["name"], bytes_of(x, "data"), x["at"], x["source"], x["principal"], x["n"]
    )  # fmt: skip


def _question_of(x: _Question, bytes_of: Bytes) -> Question:
    answer = None if x["answer"] is None else _note_of(x["answer"], bytes_of)
    return Question(x["id"], x["name"], bytes_of(x, "data"), x["asked"], x["expires"], x["closed"], answer)


def _done(x: _Done, old: str, own: str, bytes_of: Bytes) -> Handled:
    begins = f"{old}/job:"
    if not x["id"].startswith(begins):
        raise ValueError(f"{x['id']!r} is nothing that a job of {old} did")
    id = own + x["id"].removeprefix(old)  # it may become an agent of another key
    return Handled("agent", own, id, bytes.fromhex(x["fingerprint"]), x["outcome"], bytes_of(x, "value"), x["expires"])


Mark = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class _Live(TypedDict):
    id: str
    key: str | None
    name: str
    fingerprint: Mark
    started: Instant
    deadline: Instant
    source: Source
    principal: str


class _Note(TypedDict):
    id: str
    kind: NoteKind
    name: str
    data: NotRequired[Any]
    data_base64: NotRequired[str]
    at: Instant
    source: Source
    principal: str
    n: Count


class _Question(TypedDict):
    id: str
    name: str
    data: NotRequired[Any]
    data_base64: NotRequired[str]
    asked: Instant
    expires: Instant
    closed: Instant | None
    answer: _Note | None


class _Moved(_Live):
    run: Annotated[int, Field(ge=1, le=2**52)]
    base: Count
    claim: Count
    bell: Count
    held: bool
    ended: Instant | None
    args: NotRequired[dict[str, Any]]
    args_base64: NotRequired[str]
    rows: list[tuple[Count, str] | tuple[Count, None, str]]
    notes: list[_Note]
    taken: list[_Note]
    questions: list[_Question]


class _Ended(_Live):
    ended: Instant
    outcome: NotRequired[dict[str, Any]]
    outcome_base64: NotRequired[str]


class _Done(TypedDict):
    id: str
    fingerprint: Mark
    outcome: Outcome
    value: NotRequired[Any]
    value_base64: NotRequired[str]
    expires: Instant


class _Jobs(TypedDict):
    jobs: list[_Moved]
    ended_jobs: list[_Ended]
    done: list[_Done]


@cache
def _shape() -> TypeAdapter[_Jobs]:
    """Made at the first import of one."""
    return TypeAdapter(_Jobs)
