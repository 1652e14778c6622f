"""The jobs of one agent in memory, and what a commit makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...contract.job import (
    ENDED,
    EndedJob,
    Job,
    JobEnd,
    JobKept,
    JobMoved,
    JobStart,
    JournalLine,
    Note,
    Question,
    mark,
)
from ...contract.job_mark import JobMark
from ...contract.stream import STREAM_KEPT, Follower, StreamLine


class JobRows:
    """One live job. Mutable; the records in it are frozen."""

    __slots__ = ("args", "followers", "job", "lines", "notes", "questions", "waiting")

    def __init__(self, job: Job, args: bytes) -> None:
        self.job = job
        self.args = args
        self.lines: dict[int, JournalLine] = {}
        self.notes: dict[str, Note] = {}
        """By id; those that were taken too."""
        self.waiting: dict[str, Note] = {}
        self.questions: dict[str, Question] = {}
        self.followers: dict[tuple[str, str], Follower] = {}


class Jobs:
    """Live ones in the order of their start, ended ones in that of their end."""

    __slots__ = ("ended", "live", "streams")

    def __init__(self) -> None:
        self.live: dict[str, JobRows] = {}
        self.ended: dict[str, EndedJob] = {}
        self.streams: dict[str, dict[int, StreamLine]] = {}
        """Of live jobs, and for a while of those that ended: rows by their first offset."""

    def apply(self, changes: Sequence[JobStart | JobEnd | JobMoved | JobKept], at: float) -> None:
        """What a commit says of them."""
        for change in changes:
            if isinstance(change, JobStart):
                self.live[change.live.uid] = JobRows(Job(change.live, due=at), change.args)
            elif isinstance(change, JobMoved):
                self._moved(change, at)
            elif isinstance(change, JobKept):
                self.ended[change.ended.live.uid] = change.ended
            elif (gone := self.live.pop(change.uid, None)) is not None:
                self.ended[change.uid] = EndedJob(gone.job.live, at, change.outcome)
                while len(self.ended) > ENDED:
                    del self.ended[next(iter(self.ended))]
        for uid in [uid for uid in self.streams if uid not in self.live]:
            if uid not in self.ended or self.ended[uid].ended < at - STREAM_KEPT:
                del self.streams[uid]

    def _moved(self, change: JobMoved, at: float) -> None:
        job = replace(change.job, owner="", until=0.0, due=at, held_until=0.0)
        rows = self.live[job.live.uid] = JobRows(job, change.args)
        rows.lines = {line.position: line for line in change.lines}
        rows.waiting = {note.id: note for note in change.notes}
        rows.notes = {note.id: note for note in (*change.taken, *change.notes)}
        rows.questions = {question.id: question for question in change.questions}

    def marks(self) -> list[JobMark]:
        return [mark(rows.job) for rows in self.live.values()]

    def times(self) -> list[float]:
        """When they want somebody."""
        if not self.live:
            return []
        times = (rows.job.due for rows in self.live.values() if not rows.job.held)
        return [at for at in times if at is not None]

    def claimed(self) -> bool:
        """Somebody has one, or had when the host died."""
        return any(rows.job.owner for rows in self.live.values())

    def size(self) -> int:
        """Bytes."""
        size = sum(len(x.outcome) for x in self.ended.values())
        size += sum(len(line.data) for lines in self.streams.values() for line in lines.values())
        for rows in self.live.values():
            size += len(rows.args) + sum(len(x.data) for x in rows.lines.values())
            size += sum(len(x.data) for x in rows.notes.values()) + sum(len(x.data) for x in rows.questions.values())
        return size
