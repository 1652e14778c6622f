"""The port `Journal` over the table.

A row is one conditional put; beside it, at the same time, head and job are read, so that an executor of a life that
is over, or of a job that ended, learns it. Only what must change two items at once is a transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import SystemRandom
from typing import Any, Final

from roost.contract.address import Address
from roost.contract.commit import Busy
from roost.contract.errors import TransientError
from roost.contract.job import QUESTIONS, Claim, Claimed, EndedJob, Job, JournalLine, Note, Question, Rung
from roost.contract.job_refusals import (
    inquisitive,
    let_go_already,
    no_question,
    not_ours,
    ours,
    size,
)

from . import job_items as items
from . import keys, rows
from .change import Change
from .client import Item, Refused
from .columns import WAKE_AT, WAKE_SHARD
from .job_bells import JobBells
from .job_look import Seen, in_the_way
from .job_streams import Streams
from .table import Table

TAKEN: Final = 10
"""Notes that one transaction takes: two lines each."""


class DynamoJournal(Streams):
    """Fills `Journal`."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.bells = JobBells(self.look)
        self.seen: tuple[Claim, int] | None = None
        """Under which claim a row was written last, and the job's bell as it was read beside it."""

    async def left_behind(self, item: Item) -> bool:
        """A job that is due, by the index of wakes: of a life that is over, whose rubbish was not taken away."""
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if sk.startswith(f"J#{(await self.look.life(pk)).epoch}#"):
            return False
        await self.table.write([], [(pk, sk)])
        return True

    # Claims ------------------------------------------------------------------------------------------

    async def claim(
        self, address: Address, uid: str, owner: str, now: float, until: float, sole: bool = False
    ) -> Claimed | Busy | None:
        pk = keys.partition(address)
        found = await self.look.life(pk)
        key = items.job_key(found.epoch, uid)
        nonce = SystemRandom().randbytes(8)

        def take() -> Change:
            change = Change()
            change.bump(items.CLAIM.name)
            change.put(items.NONCE, nonce)
            x = change.name(items.NONCE.name)
            change.when(f"attribute_not_exists({x}) OR {x} <> {change.value(rows.b(nonce))}")
            change.put(items.OWNER, owner)
            change.put(items.UNTIL, until)
            change.when("attribute_exists(pk)")
            if not sole:
                u, ow = change.name(items.UNTIL.name), change.name(items.OWNER.name)
                change.when(
                    f"attribute_not_exists({ow}) OR {ow} = {change.value(rows.s(owner))}"
                    f" OR {u} <= {change.value(rows.n(now))}"
                )
            return change

        try:
            item = await self._moved(pk, key, take, until)
        except Refused as refused:
            stood = in_the_way(refused)
            if stood is None:
                return None
            if rows.data(stood, "x") != nonce:
                return Busy(items.JOB.read(stood).until)
            item = stood  # it was this claim's own success, whose answer was lost
        job = items.JOB.read(item)
        if job.run == 1 and items.ARGS in item:
            args = rows.data(item, items.ARGS)
        else:
            args = await self.look.pieces(pk, key, f"a{job.run}")
        claim = Claim(address, found.generation, uid, job.claim, owner, found.epoch, job.live.deadline)
        return Claimed(claim, job, args)

    async def renew(self, claim: Claim, now: float, until: float) -> Job:
        def put_off() -> Change:
            change = self._mine(claim)
            change.put(items.UNTIL, until)
            return change

        try:
            return items.JOB.read(await self._living(claim, put_off, until))
        except Refused as refused:
            in_the_way(refused)
            raise not_ours(claim) from None

    async def let_go(self, claim: Claim, bell: int | None, due: float | None) -> bool:
        def give_back() -> Change:
            change = self._mine(claim)
            if bell is not None:
                change.expect(items.BELL, bell or None)
            change.put(items.OWNER, None)
            change.put(items.UNTIL, None)
            return change

        try:
            await self._living(claim, give_back, due)
        except Refused as refused:
            stood = in_the_way(refused)
            if stood is None:
                raise not_ours(claim) from None
            job = items.JOB.read(stood)
            if let_go_already(claim, job):  # its own success, whose answer was lost
                return True
            ours(claim, job)
            return False
        return True

    @staticmethod
    def _mine(claim: Claim) -> Change:
        change = Change()
        change.expect(items.CLAIM, claim.number)
        change.expect(items.OWNER, claim.owner)
        return change

    async def _living(self, claim: Claim, make: Callable[[], Change], due: float | None) -> Item:
        """Change the job's row under its claim, and see that the life goes on. Fenced, Refused."""
        pk, key = keys.partition(claim.address), items.job_key(claim.life, claim.uid)
        found, item = await asyncio.gather(self.look.life(pk), self._moved(pk, key, make, due), return_exceptions=True)
        if isinstance(found, BaseException):
            raise found
        if found.epoch != claim.life:
            raise not_ours(claim)
        if isinstance(item, BaseException):
            raise item
        return item

    async def _moved(self, pk: str, key: str, make: Callable[[], Change], due: float | None) -> Item:
        """Change a job's row and when it is due; one that is held stands in no index of wakes."""
        held: bool | None = False
        for _ in range(4):
            change = make()
            change.put(WAKE_AT, due)
            change.put(WAKE_SHARD, None if due is None or held else keys.shard(pk))
            change.expect(items.HELD, True if held else None)
            try:
                return await self.table.update(pk, key, change, "ALL_NEW")
            except Refused as refused:
                if refused.code != "ConditionalCheckFailedException" or refused.item is None:
                    raise
                now = items.JOB.read(refused.item).held
                if now == held:
                    raise
                held = now
        raise TransientError("a job is held and let on faster than it can be read", code="store-busy")

    # Rows --------------------------------------------------------------------------------------------

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        size(claim, data)
        pk, key = keys.partition(claim.address), items.job_key(claim.life, claim.uid)
        item = rows.bare(pk, items.position_key(key, position), c=rows.n(claim.number), ttl=items.ttl(claim.deadline))
        if len(data) > rows.PIECE:
            what = f"p{position}.{claim.number}"
            staged = items.pieces(pk, key, what, data, claim.deadline)
            await self._stage(staged)
            item |= {"pn": rows.n(len(staged)), "px": rows.s(what)}
        elif data:
            item["d"] = rows.b(data)
        if again is None and ended is None:
            seen, written = await asyncio.gather(
                self.look.see(pk, claim.life, claim.uid), self.put(claim, item), return_exceptions=True
            )
            if isinstance(seen, BaseException):
                raise seen
            job = self._lives(claim, seen)
            if isinstance(written, BaseException):
                raise written
            self.seen = claim, job.bell
            return written and position > job.base
        job = self._lives(claim, await self.look.see(pk, claim.life, claim.uid))
        return await self._append_more(claim, job, position, item, again, ended)

    async def _append_more(
        self, claim: Claim, job: Job, position: int, item: Item, again: bytes | None, ended: float | None
    ) -> bool:
        """A row that changes the job with it."""
        pk, key = keys.partition(claim.address), items.job_key(claim.life, claim.uid)
        change = Change()
        change.when("attribute_exists(pk)")
        if ended is not None:
            change.put(items.ENDED, ended)
        if again is not None:
            await self._stage(items.pieces(pk, key, f"a{job.run + 1}", again, claim.deadline))
            change.expect(items.RUN, job.run if job.run > 1 else None)
            change.put(items.RUN, job.run + 1)
            change.put(items.BASE, position)
        try:
            await self.table.transact(
                [self.table.put_line(item, "attribute_not_exists(pk)"), self.table.line(pk, key, change)]
            )
        except Refused as refused:
            if refused.code != "TransactionCanceledException":
                raise TransientError(f"DynamoDB refused a row of a job: {refused}", code="store") from refused
            stood = await self.table.get(pk, item["sk"]["S"])
            if stood is None:
                raise not_ours(claim) from None
            return rows.whole(stood, "c") == claim.number
        return True

    async def _stage(self, staged: list[Item]) -> None:
        """Bytes that a row to come will name. One by one: together they are more than one call may bring."""
        for item in staged:
            await self.table.write([item], [])

    @staticmethod
    def _lives(claim: Claim, seen: Seen) -> Job:
        if seen.job is None or seen.head.epoch != claim.life:
            raise not_ours(claim)
        return seen.job

    async def rows(self, address: Address, uid: str, after: int, limit: int = 200) -> Sequence[JournalLine]:
        return await self.look.rows(address, uid, after, limit)

    # Notes and questions -----------------------------------------------------------------------------

    async def notes(self, address: Address, uid: str) -> Sequence[Note]:
        return await self.look.notes(address, uid)

    async def taken(self, claim: Claim, ids: Sequence[str]) -> None:
        pk, key = keys.partition(claim.address), items.job_key(claim.life, claim.uid)
        for _ in range(4):
            if (await self.look.see(pk, claim.life, claim.uid)).job is None:
                return
            found = await self.table.gather(pk, [items.of_job("Y", key, id) for id in dict.fromkeys(ids)])
            if not found:
                return
            for start in range(0, len(found), TAKEN):
                await self._take(pk, key, claim, found[start : start + TAKEN])

    async def _take(self, pk: str, key: str, claim: Claim, some: list[Item]) -> None:
        lines: list[Item] = []
        signals = 0
        for item in some:
            note = items.note(item)
            signals += note.kind == "signal"
            lines.append(self.table.delete_line(pk, item["sk"]["S"], "attribute_exists(pk)"))
            left = {**items.NOTE.write(replace(note, data=b"")), "ttl": items.ttl(claim.deadline)}
            lines.append(self.table.put_line(rows.row(pk, items.of_job("W", key, note.id), left)))
        if signals:
            change = Change()
            change.when("attribute_exists(pk)")
            change.bump(items.WAITING.name, -signals)
            lines.append(self.table.line(pk, key, change))
        try:
            await self.table.transact(lines)
        except Refused as refused:
            if refused.code != "TransactionCanceledException":
                raise TransientError(f"DynamoDB refused to take notes: {refused}", code="store") from refused

    async def ask(self, claim: Claim, question: Question) -> None:
        pk = keys.partition(claim.address)
        seen = await self.look.see(pk, claim.life, claim.uid)
        job = self._lives(claim, seen)
        asked = await self.look.asked(pk, seen.key, job.run)
        if any(one.id == question.id for one in asked):
            return
        if sum(one.closed is None for one in asked) >= QUESTIONS:
            raise inquisitive(claim)
        more: dict[str, Any] = {"rn": rows.n(job.run), "ttl": items.ttl(claim.deadline)}
        item = rows.row(pk, items.of_job("U", seen.key, question.id), {**items.QUESTION.write(question), **more})
        try:
            await self.table.call(
                "put_item", Item=item, ConditionExpression="attribute_not_exists(pk) OR #rn < :run",
                ExpressionAttributeNames={"#rn": "rn"},
                ExpressionAttributeValues={":run": rows.n(job.run)},
            )  # fmt: skip
        except Refused as refused:
            in_the_way(refused)

    async def expire(self, claim: Claim, question: str, now: float) -> Question:
        pk = keys.partition(claim.address)
        name = items.of_job("U", items.job_key(claim.life, claim.uid), question)
        for _ in range(4):
            seen = await self.look.see(pk, claim.life, claim.uid, name)
            job = self._lives(claim, seen)
            item = seen.others.get(name)
            if item is None or rows.whole(item, "rn", 1) != job.run:
                raise no_question(claim.uid, question)
            found = items.question(item)
            if found.closed is not None:
                return found
            change = Change()
            change.when("attribute_exists(pk)")
            change.equal("cl", None)
            change.set("cl", rows.n(now))
            try:
                await self.table.update(pk, name, change)
            except Refused as refused:
                in_the_way(refused)
                continue
            return replace(found, closed=now)
        raise TransientError("a question changes faster than it can be read", code="store-busy")

    # Whoever tells a job something, and whoever looks ------------------------------------------------

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        return await self.bells.ring(address, uid, note, now)

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float = 0.0) -> Rung:
        return await self.bells.hold(address, uid, held, now, until)

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        return await self.look.job(address, uid)

    async def jobs(self, address: Address) -> Sequence[Job]:
        return await self.look.jobs(address)

    async def ended(self, address: Address, limit: int) -> Sequence[EndedJob]:
        return await self.look.ended(address, limit)

    async def questions(self, address: Address, uid: str) -> Sequence[Question]:
        return await self.look.questions(address, uid)

    async def due(self, address: Address) -> float | None:
        return await self.look.due(address)
