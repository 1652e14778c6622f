"""The port `Journal` over one object's tables, which are made with its first job.

A row of a journal is one statement and one row written. Whoever has no jobs has no tables of them, and no statement
that asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from roost.contract.address import Address
from roost.contract.commit import Busy, Commit
from roost.contract.job import Claim, Claimed, EndedJob, Job, JournalLine, LiveJob, Note, Question, Rung
from roost.contract.job_mark import JobMark
from roost.contract.job_refusals import no_job, not_ours
from roost.contract.refusals import moved_on
from roost.contract.stream import Follower, StreamLine

from . import rows
from .interop import Sql, blob

if TYPE_CHECKING:
    from roost.hosting.jobs.change import Change
    from roost.hosting.jobs.look import Look

T = TypeVar("T")
_COLUMNS: Final = {
    "job_row": "data", "job_note": "data", "job_question": "data", "job_stream": "data", "job_end": "outcome"
}  # fmt: skip
_SIZES: Final = tuple(
    f"SELECT ifnull(sum(length(CAST({column} AS BLOB))),0) FROM {table}" for table, column in _COLUMNS.items()
)
UNKNOWN: Final[Any] = object()


def plain(data: bytes) -> Any:
    """Bytes as a parameter: text if they are any."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return blob(data)


class ObjectJournal:
    """`there`: the tables exist."""

    def __init__(self, sql: Sql, there: bool) -> None:
        self._sql = sql
        self.there = there
        self._due: float | None = UNKNOWN

    @cached_property
    def _change(self) -> Change:
        """Loaded with the first job."""
        from roost.hosting.jobs.change import Change
        from roost.hosting.jobs.tables import Dialect

        return Change(self._sql, Dialect(False, plain, rows.back))

    @property
    def _look(self) -> Look:
        return self._change.look

    # Of commits and loads ----------------------------------------------------------------------------

    def commit(self, c: Commit) -> None:
        """What a commit says of jobs, in its transaction."""
        if not self.there:
            from roost.hosting.jobs.tables import tables

            for one in filter(str.strip, tables(shared=False).split(";")):
                self._sql.run(one)
        self._due = UNKNOWN
        self._change.commit((), c)

    def seen(self, address: Address, marks: Sequence[JobMark]) -> None:
        """Rejected `changed`: the live jobs are not as they are said to be."""
        if self.there:
            self._change.seen((), address, marks)
        elif marks:
            raise moved_on(address)

    def destroy(self) -> None:
        """In the transaction of the agent's end."""
        if self.there:
            self._due = UNKNOWN
            self._change.destroy(())

    def lives(self) -> tuple[LiveJob, ...]:
        return self._look.lives(())

    def first(self) -> float | None:
        """When the first job is due; a query only after something changed."""
        if not self.there:
            return None
        if self._due is UNKNOWN:
            self._due = self._look.due(())
        return self._due

    def size(self) -> int:
        """Bytes, as near as the columns tell."""
        return sum(int(self._sql.rows(one)[0][0]) for one in _SIZES)

    # The port ----------------------------------------------------------------------------------------

    def _write(self, work: Callable[[], T]) -> T:
        self._due = UNKNOWN
        done: list[T] = []
        self._sql.atomic(lambda: done.append(work()))
        return done[0]

    def _claimed(self, claim: Claim, work: Callable[[], T]) -> T:
        if not self.there:
            raise not_ours(claim)
        return self._write(work)

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        if not self.there:
            return None
        return self._write(lambda: self._change.claim((), address, uid, owner, now, until, sole))

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        return self._claimed(claim, lambda: self._change.renew((), claim, until))

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        if again is None and ended is None and self.there:  # one statement needs no transaction
            return self._change.append((), claim, position, data, None, None)
        return self._claimed(claim, lambda: self._change.append((), claim, position, data, again, ended))

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        return self._look.rows((), uid, after, limit) if self.there else []

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        return self._claimed(claim, lambda: self._change.let_go((), claim, bell, due))

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        return self._look.notes((), uid) if self.there else []

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        if self.there:
            self._write(lambda: self._change.taken((), claim, ids))

    async def ask(self, claim: Claim, question: Question) -> None:
        self._claimed(claim, lambda: self._change.ask((), claim, question))

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        return self._claimed(claim, lambda: self._change.expire((), claim, question, now))

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        if not drop and self.there:  # one statement needs no transaction
            return self._change.stream((), claim, line, drop)
        return self._claimed(claim, lambda: self._change.stream((), claim, line, drop))

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        return self._look.streamed((), uid, after, limit) if self.there else []

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        if self.there:
            self._write(lambda: self._change.follow((), uid, follower))

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        if self.there:
            self._write(lambda: self._change.unfollow((), uid, cid, name))

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        return self._look.followers((), uid) if self.there else []

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        if not self.there:
            raise no_job(address, uid)
        return self._write(lambda: self._change.ring((), address, uid, note, now))

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        if not self.there:
            raise no_job(address, uid)
        return self._write(lambda: self._change.hold((), address, uid, held, now, until))

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        return self._look.job((), uid) if self.there else None

    async def jobs(self, address: Address) -> Sequence[Job]:
        return self._look.jobs(()) if self.there else []

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        return self._look.ends((), limit) if self.there else []

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        return self._look.questions((), uid) if self.there else []

    async def due(self, address: Address) -> float | None:
        return self.first()
