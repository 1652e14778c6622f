"""`Journal` in memory: what each method means, with nothing in the way. No method suspends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...contract.address import Address
from ...contract.commit import Busy
from ...contract.job import (
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
)
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
from ...contract.stream import FOLLOWERS, Follower, StreamLine
from .jobs import JobRows
from .rows import Rows

PAGE = 1 << 20
"""Bytes after which a page of rows ends."""


class MemoryJournal:
    """`rows`: the rows of an agent, or of one that was never made."""

    def __init__(self, rows: Callable[[Address], Rows]) -> None:
        self._rows = rows

    def _find(self, address: Address, uid: str) -> JobRows | None:
        return self._rows(address).jobs.live.get(uid)

    def _of(self, claim: Claim) -> JobRows:
        """The live job of the claim's life, whoever has it."""
        rows = self._rows(claim.address)
        found = rows.jobs.live.get(claim.uid)
        if found is None or rows.generation != claim.generation:
            raise not_ours(claim)
        return found

    def _ours(self, claim: Claim) -> JobRows:
        found = self._of(claim)
        ours(claim, found.job)
        return found

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        found = self._find(address, uid)
        if found is None:
            return None
        job = found.job
        if not sole and job.owner not in ("", owner) and job.until > now:
            return Busy(job.until)
        number = job.claim + 1
        found.job = job = replace(job, claim=number, owner=owner, until=until, due=until)
        claim = Claim(address, self._rows(address).generation, uid, number, owner, "", job.live.deadline)
        return Claimed(claim, job, found.args)

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        found = self._ours(claim)
        found.job = replace(found.job, until=until, due=until)
        return found.job

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        size(claim, data)
        found = self._of(claim)
        taken = found.lines.get(position)
        if taken is not None or position <= found.job.base:
            return taken is not None and taken.claim == claim.number
        found.lines[position] = JournalLine(position, claim.number, data)
        if again is not None:
            found.job = replace(found.job, run=found.job.run + 1, base=position)
            found.args = again
            for earlier in [p for p in found.lines if p < position]:
                del found.lines[earlier]
            found.notes = dict(found.waiting)
            found.questions.clear()
        if ended is not None:
            found.job = replace(found.job, ended=ended)
        return True

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        found = self._find(address, uid)
        lines = {} if found is None else found.lines
        page: list[JournalLine] = []
        taken = 0
        for position in sorted(p for p in lines if p > after)[:limit]:
            if page and taken + len(lines[position].data) > PAGE:
                break
            taken += len(lines[position].data)
            page.append(lines[position])
        return page

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        found = self._of(claim)
        if let_go_already(claim, found.job):
            return True
        ours(claim, found.job)
        if bell is not None and found.job.bell != bell:
            return False
        found.job = replace(found.job, owner="", until=0.0, due=due)
        return True

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        found = self._find(address, uid)
        return [] if found is None else sorted(found.waiting.values(), key=lambda note: note.n)

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        found = self._find(claim.address, claim.uid)
        if found is not None and self._rows(claim.address).generation == claim.generation:
            for id in ids:
                found.waiting.pop(id, None)

    async def ask(self, claim: Claim, question: Question) -> None:
        found = self._of(claim)
        if question.id in found.questions:
            return
        if sum(x.closed is None for x in found.questions.values()) >= QUESTIONS:
            raise inquisitive(claim)
        found.questions[question.id] = question

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        found = self._of(claim)
        asked = found.questions.get(question)
        if asked is None:
            raise no_question(claim.uid, question)
        if asked.closed is None:
            found.questions[question] = asked = replace(asked, closed=now)
        return asked

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        found = self._of(claim)
        if found.job.ended is not None:
            raise not_ours(claim)
        lines = self._rows(claim.address).jobs.streams.setdefault(claim.uid, {})
        taken = lines.get(line.first)
        if taken is not None:
            return taken.claim == claim.number
        lines[line.first] = line
        for first in drop:
            lines.pop(first, None)
        return True

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        lines = self._rows(address).jobs.streams.get(uid, {})
        if lines and max(lines.values(), key=lambda x: x.first).last <= after:
            return [max(lines.values(), key=lambda x: x.first)]
        page: list[StreamLine] = []
        taken = 0
        for line in sorted((x for x in lines.values() if x.last > after), key=lambda x: x.first)[:limit]:
            if page and taken + len(line.data) > PAGE:
                break
            taken += len(line.data)
            page.append(line)
        return page

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        found = self._find(address, uid)
        if found is not None:
            found.followers.pop((follower.cid, follower.name), None)
            found.followers[follower.cid, follower.name] = follower
            while len(found.followers) > FOLLOWERS:
                del found.followers[next(iter(found.followers))]

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        found = self._find(address, uid)
        if found is not None:
            found.followers.pop((cid, name), None)

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        found = self._find(address, uid)
        return [] if found is None else sorted(found.followers.values(), key=lambda x: (x.at, x.cid, x.name))

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        found = self._open(address, uid)
        if note is None:
            return self._ring(found, None, now)
        if (known := found.notes.get(note.id)) is not None:
            return self._ring(found, known, now, False)
        if note.kind == "answer" and (first := answerable(uid, found.questions.get(note.name), note)) is not None:
            return self._ring(found, first, now, False)
        if len(found.waiting) >= SIGNALS and note.kind == "signal":
            raise crowded(address, uid)
        note = replace(note, n=found.job.bell + 1)
        found.notes[note.id] = found.waiting[note.id] = note
        if note.kind == "answer":
            question = found.questions[note.name]
            found.questions[note.name] = replace(question, closed=note.at, answer=note)
        return self._ring(found, note, now)

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        found = self._open(address, uid)
        found.job = held_as(found.job, held, now, until)
        return self._ring(found, None, now)

    def _open(self, address: Address, uid: str) -> JobRows:
        found = self._find(address, uid)
        if found is not None and found.job.ended is None:
            return found
        if found is not None or uid in self._rows(address).jobs.ended:
            raise over(address, uid)
        raise no_job(address, uid)

    @staticmethod
    def _ring(found: JobRows, note: Note | None, now: float, fresh: bool = True) -> Rung:
        job = found.job
        until = job.until if job.owner and job.until > now else 0.0
        due = job.due
        if not until:
            due = soonest(job, now)
        found.job = replace(job, bell=job.bell + 1, due=due)
        return Rung(note, until, fresh)

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        found = self._find(address, uid)
        return self._rows(address).jobs.ended.get(uid) if found is None else found.job

    async def jobs(self, address: Address) -> Sequence[Job]:
        return [rows.job for rows in self._rows(address).jobs.live.values()]

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        return list(reversed(self._rows(address).jobs.ended.values()))[:limit]

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        found = self._find(address, uid)
        return [] if found is None else sorted(found.questions.values(), key=lambda x: (x.asked, x.id))

    async def due(self, address: Address) -> float | None:
        return min(self._rows(address).jobs.times(), default=None)
