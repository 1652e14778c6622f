"""The port `Journal` over the data file: writes join the group commit, reads see the last COMMIT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from roost.contract.address import Address
from roost.contract.commit import Busy
from roost.contract.job import Claim, Claimed, EndedJob, Job, JournalLine, Note, Question, Rung
from roost.contract.stream import Follower, StreamLine
from roost.hosting.jobs.change import Change
from roost.hosting.jobs.look import Look, Me

from .group import GroupCommit
from .job_sql import DIALECT
from .reads import Reads
from .writes import Writes

T = TypeVar("T")


class Queries:
    """The same on the read connection."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def run(self, sql: str, *values: Any) -> int:
        raise AssertionError(f"a write on the read connection: {sql}")

    def rows(self, sql: str, *values: Any) -> Sequence[Sequence[Any]]:
        return self._reads.ask(sql, values)


class SqliteJournal:
    """Jobs of all agents of one data file."""

    def __init__(self, group: GroupCommit, writes: Writes, reads: Reads) -> None:
        self._group = group
        self._writes = writes
        self._reads = reads
        self._change: Change = writes.jobs
        self._look = Look(Queries(reads), DIALECT)

    def _mine(self, address: Address) -> Me:
        return (self._reads.aid(address),)

    async def _write(self, address: Address, work: Callable[[Me], T], size: int = 0) -> T:
        def apply(work: Callable[[Me], T]) -> T:
            return work((self._writes.find(address) or 0,))

        return await self._group.add(apply, work, size)

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        return await self._write(address, lambda me: self._change.claim(me, address, uid, owner, now, until, sole))

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        return await self._write(claim.address, lambda me: self._change.renew(me, claim, until))

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        return await self._write(
            claim.address, lambda me: self._change.append(me, claim, position, data, again, ended), len(data)
        )

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        return self._look.rows(self._mine(address), uid, after, limit)

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        return await self._write(claim.address, lambda me: self._change.let_go(me, claim, bell, due))

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        return self._look.notes(self._mine(address), uid)

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        await self._write(claim.address, lambda me: self._change.taken(me, claim, ids))

    async def ask(self, claim: Claim, question: Question) -> None:
        await self._write(claim.address, lambda me: self._change.ask(me, claim, question), len(question.data))

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        return await self._write(claim.address, lambda me: self._change.expire(me, claim, question, now))

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        return await self._write(claim.address, lambda me: self._change.stream(me, claim, line, drop), len(line.data))

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        return self._look.streamed(self._mine(address), uid, after, limit)

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        await self._write(address, lambda me: self._change.follow(me, uid, follower))

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        await self._write(address, lambda me: self._change.unfollow(me, uid, cid, name))

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        return self._look.followers(self._mine(address), uid)

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        size = 0 if note is None else len(note.data)
        return await self._write(address, lambda me: self._change.ring(me, address, uid, note, now), size)

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        return await self._write(address, lambda me: self._change.hold(me, address, uid, held, now, until))

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        return self._look.job(self._mine(address), uid)

    async def jobs(self, address: Address) -> Sequence[Job]:
        return self._look.jobs(self._mine(address))

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        return self._look.ends(self._mine(address), limit)

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        return self._look.questions(self._mine(address), uid)

    async def due(self, address: Address) -> float | None:
        return self._look.due(self._mine(address))
