"""Whoever tells a job something: read, then write only if nothing moved, and again if it did.

A note's number is the bell it raises, and the bell is the job's, so both are written together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import SystemRandom
from typing import Final, TypeAlias

from roost.contract.address import Address
from roost.contract.errors import TransientError
from roost.contract.job import SIGNALS, Job, Note, Rung
from roost.contract.job_refusals import answerable, crowded, held_as, no_job, over, soonest

from . import job_items as items
from . import keys, rows
from .change import Change
from .client import Item, Refused
from .columns import WAKE_AT, WAKE_SHARD
from .job_look import JobLook, Seen

TRIES: Final = 24
Held: TypeAlias = Callable[[Job], Job]
"""What becomes of a job that is held or let go on; of one that is rung for: the same."""


class JobBells:
    """`look` has the table."""

    def __init__(self, look: JobLook) -> None:
        self.look = look
        self.table = look.table

    async def ring(self, address: Address, uid: str, note: Note | None, now: float) -> Rung:
        return await self._tell(address, uid, note, lambda job: job, now)

    async def hold(self, address: Address, uid: str, held: bool, now: float, until: float) -> Rung:
        return await self._tell(address, uid, None, lambda job: held_as(job, held, now, until), now)

    async def _tell(self, address: Address, uid: str, note: Note | None, held: Held, now: float) -> Rung:
        nonce = SystemRandom().randbytes(8)
        for _ in range(TRIES):
            done = await self._try(address, uid, note, held, now, nonce)
            if done is not None:
                return done
        raise TransientError(f"the job {uid!r} of {address} is told too much at once", code="store-busy")

    async def _try(
        self, address: Address, uid: str, note: Note | None, held: Held, now: float, nonce: bytes
    ) -> Rung | None:
        """None: the job moved between reading and writing."""
        pk = keys.partition(address)
        epoch = (await self.look.life(pk)).epoch
        key = items.job_key(epoch, uid)
        others: list[str] = []
        if note is not None:
            others = [
                items.of_job("Y", key, note.id),
                items.of_job("W", key, note.id),
                items.of_job("U", key, note.name),
            ]
        gone = items.of_job("Z", key)
        seen = await self.look.see(pk, epoch, uid, gone, *others)
        job = seen.job
        if job is None or job.ended is not None:
            if job is not None or gone in seen.others:
                raise over(address, uid)
            raise no_job(address, uid)
        until = job.until if job.owner and job.until > now else 0.0
        change = self._change(pk, job, until, now, held(job))
        change.put(items.NONCE, nonce)
        lines: list[Item] = []
        rung = Rung(None, until)
        if note is not None:
            rung, lines = self._note(address, uid, pk, seen, job, note, others, until, change)
        try:
            if lines:
                await self.table.transact([self.table.line(pk, key, change), *lines])
            else:
                await self.table.update(pk, key, change)
        except Refused as refused:
            if refused.item is not None and rows.data(refused.item, "x") == nonce:
                return rung  # it was this bell's own success, whose answer was lost
            if refused.code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
                return None
            raise TransientError(f"DynamoDB refused a bell: {refused}", code="store") from refused
        return rung

    @staticmethod
    def _change(pk: str, job: Job, until: float, now: float, after: Job) -> Change:
        """One more ring of a job that is as it was read. `after`: held, or let go on."""
        change = Change()
        change.expect(items.BELL, job.bell or None)
        change.expect(items.CLAIM, job.claim or None)
        change.expect(items.OWNER, job.owner or None)
        change.expect(items.HELD, True if job.held else None)
        change.equal("en", None)
        change.when("attribute_exists(pk)")
        change.put(items.BELL, job.bell + 1)
        if after.held != job.held:
            change.put(items.HELD, True if after.held else None)
        if after.held_until != job.held_until:
            change.put(items.HELD_UNTIL, after.held_until or None)
        due = after.due
        if not until:
            due = soonest(after, now)
        if job.owner:  # its claim may be put off meanwhile: that moves `due` too
            change.expect(items.UNTIL, job.until or None)
        change.put(WAKE_AT, due)
        change.put(WAKE_SHARD, None if due is None or after.held else keys.shard(pk))
        return change

    def _note(
        self, address: Address, uid: str, pk: str, seen: Seen, job: Job, note: Note, others: list[str], until: float,
        change: Change,
    ) -> tuple[Rung, list[Item]]:  # fmt: skip
        """What is written beside the bell, and what the caller is told."""
        waits, was, asked = others
        for known in (waits, was):
            if known in seen.others:
                return Rung(items.note(seen.others[known]), until, False), []
        lines: list[Item] = []
        if note.kind == "answer":
            item = seen.others.get(asked)
            if item is not None and rows.whole(item, "rn", 1) != job.run:
                item = None
            question = None if item is None else items.question(item)
            if (first := answerable(uid, question, note)) is not None:
                return Rung(first, until, False), []
        elif note.kind == "signal":
            if seen.waiting >= SIGNALS:
                raise crowded(address, uid)
            change.bump(items.WAITING.name)
        note = replace(note, n=job.bell + 1)
        told = items.NOTE.write(note)
        if note.kind == "answer":
            close = Change()
            close.when("attribute_exists(pk)")
            close.equal("cl", None)
            close.set("cl", rows.n(note.at))
            for name, value in told.items():
                close.set(items.ANSWER + name, value)
            lines.append(self.table.line(pk, asked, close))
        ttl = items.ttl(job.live.deadline)
        lines.append(self.table.put_line(rows.row(pk, waits, {**told, "ttl": ttl}), "attribute_not_exists(pk)"))
        missing = {"TableName": self.table.name, "Key": {"pk": rows.s(pk), "sk": rows.s(was)}}
        lines.append({"ConditionCheck": {**missing, "ConditionExpression": "attribute_not_exists(pk)"}})
        return Rung(note, until), lines
