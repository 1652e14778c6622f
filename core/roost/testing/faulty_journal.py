"""The port `Journal` with faults in front of it: `journal.append` and so on."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract.address import Address
from ..contract.commit import Busy
from ..contract.job import Claim, Claimed, EndedJob, Job, JournalLine, Note, Question, Rung
from ..contract.stream import Follower, StreamLine
from ..journal import Journal
from .faults import Strike


class FaultyJournal:
    """Fills the port `Journal`."""

    def __init__(self, journal: Journal, strike: Strike) -> None:
        self._journal = journal
        self._strike = strike

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        return await self._strike.on("journal.claim", self._journal.claim, address, uid, owner, now, until, sole)

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        return await self._strike.on("journal.renew", self._journal.renew, claim, now, until)

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        async def append() -> bool:
            return await self._journal.append(claim, position, data, again=again, ended=ended)

        return await self._strike.on("journal.append", append)

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        return await self._strike.on("journal.rows", self._journal.rows, address, uid, after, limit)

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        return await self._strike.on("journal.let_go", self._journal.let_go, claim, bell, due)

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        return await self._strike.on("journal.notes", self._journal.notes, address, uid)

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        await self._strike.on("journal.taken", self._journal.taken, claim, ids)

    async def ask(self, claim: Claim, question: Question) -> None:
        await self._strike.on("journal.ask", self._journal.ask, claim, question)

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        return await self._strike.on("journal.expire", self._journal.expire, claim, question, now)

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        return await self._strike.on("journal.stream", self._journal.stream, claim, line, drop)

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        return await self._strike.on("journal.streamed", self._journal.streamed, address, uid, after, limit)

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        await self._strike.on("journal.follow", self._journal.follow, address, uid, follower)

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        await self._strike.on("journal.unfollow", self._journal.unfollow, address, uid, cid, name)

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        return await self._strike.on("journal.followers", self._journal.followers, address, uid)

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        return await self._strike.on("journal.ring", self._journal.ring, address, uid, note, now)

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        return await self._strike.on("journal.hold", self._journal.hold, address, uid, held, now, until)

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        return await self._strike.on("journal.job", self._journal.job, address, uid)

    async def jobs(self, address: Address) -> Sequence[Job]:
        return await self._strike.on("journal.jobs", self._journal.jobs, address)

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        return await self._strike.on("journal.ended", self._journal.ended, address, limit)

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        return await self._strike.on("journal.questions", self._journal.questions, address, uid)

    async def due(self, address: Address) -> float | None:
        return await self._strike.on("journal.due", self._journal.due, address)
