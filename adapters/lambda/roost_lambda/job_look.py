"""What is read of jobs: the head tells the life, the rest is found by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from roost.contract.address import Address
from roost.contract.errors import TransientError
from roost.contract.job import ENDED, EndedJob, Job, JournalLine, Note, Question
from roost.contract.stream import Follower, StreamLine

from . import job_items as items
from . import keys, rows
from .client import Item, Refused
from .head import Head, head
from .table import Table

PAGE: Final = 1 << 20
"""Bytes after which a page of rows ends."""


class Seen(NamedTuple):
    """A job as it is now, with the items that were asked for beside it."""

    head: Head
    key: str
    """Its J# key in this life."""
    job: Job | None
    waiting: int
    others: dict[str, Item]


class JobLook:
    """Reads, all strongly consistent."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def life(self, pk: str) -> Head:
        return head(await self.table.get(pk, keys.HEAD))

    async def see(self, pk: str, epoch: str, uid: str, *others: str) -> Seen:
        """Head and job in one call, by the epoch that is believed to be the agent's."""
        key = items.job_key(epoch, uid)
        found = {x["sk"]["S"]: x for x in await self.table.gather(pk, [keys.HEAD, key, *dict.fromkeys(others)])}
        item = found.get(key)
        job, waiting = (None, 0) if item is None else (items.JOB.read(item), rows.whole(item, items.WAITING.name))
        return Seen(head(found.get(keys.HEAD)), key, job, waiting, found)

    async def job(self, address: Address, uid: str) -> Job | EndedJob | None:
        pk = keys.partition(address)
        epoch = (await self.life(pk)).epoch
        key = items.job_key(epoch, uid)
        ended = items.of_job("Z", key)
        found = {x["sk"]["S"]: x for x in await self.table.gather(pk, [key, ended])}
        if key in found:
            return items.JOB.read(found[key])
        return items.END.read(found[ended]) if ended in found else None

    async def live(self, address: Address, uid: str) -> tuple[str, Job | None]:
        """The J# key in this life, and the job if it lives."""
        pk = keys.partition(address)
        key = items.job_key((await self.life(pk)).epoch, uid)
        item = await self.table.get(pk, key)
        return key, None if item is None else items.JOB.read(item)

    async def jobs(self, address: Address) -> list[Job]:
        pk = keys.partition(address)
        found = await self.life(pk)
        if found.jobbed is None:
            return []
        return [items.JOB.read(x) for x in await self.table.range(pk, *keys.whole(f"J#{found.epoch}#"))]

    async def ended(self, address: Address, limit: int) -> list[EndedJob]:
        pk = keys.partition(address)
        epoch = (await self.life(pk)).epoch
        limit = max(1, min(limit, ENDED))
        order: list[Item] = []
        after: str | None = None
        while True:
            page, after = await self.table.query(pk, *keys.whole(f"X#{epoch}#"), limit=limit - len(order), after=after)
            order += page
            if after is None or len(order) >= limit:
                break
        names = [items.of_job("Z", items.job_key(epoch, rows.text(x, "i"))) for x in order]
        found = {x["sk"]["S"]: x for x in await self.table.gather(pk, names)}
        return [items.END.read(found[name]) for name in names if name in found]

    async def rows(self, address: Address, uid: str, after: int, limit: int) -> list[JournalLine]:
        pk = keys.partition(address)
        key, job = await self.live(address, uid)
        if job is None:
            return []
        low, high = items.position_key(key, max(0, after) + 1), items.all_of("G", key)[1]
        found, _ = await self.table.query(pk, low, high, limit=limit)
        out: list[JournalLine] = []
        size = 0
        for item in found:
            data = None
            if "pn" in item:
                if out and size + rows.whole(item, "pn") * rows.PIECE > PAGE:
                    break
                data = await self.pieces(pk, key, rows.text(item, "px"))
            out.append(items.line(item, data))
            size += len(out[-1].data)
            if size > PAGE:
                break
        return out

    async def streamed(self, address: Address, uid: str, after: int, limit: int) -> list[StreamLine]:
        pk = keys.partition(address)
        key = items.job_key((await self.life(pk)).epoch, uid)
        low, high = items.all_of("R", key)
        found, _ = await self.table.query(pk, items.stream_key(key, after + 1), high, limit=limit)
        lines = [items.stream(x) for x in found]
        if not lines or lines[0].first > after + 1:  # what is behind `after` may stand in a row that begins before
            before = await self.table.last(pk, low, items.stream_key(key, after))
            if before is not None and (not lines or items.stream(before).last > after):
                lines.insert(0, items.stream(before))
        size = 0
        for n, line in enumerate(lines):
            size += len(line.data)
            if n and size > PAGE:
                return lines[:n]
        return lines[:limit]

    async def followers(self, address: Address, uid: str) -> list[Follower]:
        key, job = await self.live(address, uid)
        found = [] if job is None else await self.table.range(keys.partition(address), *items.all_of("F", key))
        return sorted(map(items.FOLLOWER.read, found), key=lambda x: (x.at, x.cid, x.name))

    async def pieces(self, pk: str, key: str, what: str) -> bytes:
        """A value that is kept in items of its own."""
        found = await self.table.range(pk, *items.all_of("H", f"{key}#{what}"))
        return b"".join(rows.data(x, "d") for x in found)

    async def notes(self, address: Address, uid: str) -> list[Note]:
        key, job = await self.live(address, uid)
        if job is None:
            return []
        found = await self.table.range(keys.partition(address), *items.all_of("Y", key))
        return sorted(map(items.note, found), key=lambda note: note.n)

    async def questions(self, address: Address, uid: str) -> list[Question]:
        key, job = await self.live(address, uid)
        return [] if job is None else await self.asked(keys.partition(address), key, job.run)

    async def asked(self, pk: str, key: str, run: int) -> list[Question]:
        """The questions of one run."""
        found = await self.table.range(pk, *items.all_of("U", key))
        mine = [items.question(x) for x in found if rows.whole(x, "rn", 1) == run]
        return sorted(mine, key=lambda q: (q.asked, q.id))

    async def due(self, address: Address) -> float | None:
        times: Sequence[float | None] = [job.due for job in await self.jobs(address) if not job.held]
        return min((at for at in times if at is not None), default=None)


def in_the_way(refused: Refused) -> Item | None:
    """What stood in the way of a condition; any other refusal goes on."""
    if refused.code != "ConditionalCheckFailedException":
        raise TransientError(f"DynamoDB refused a job's item: {refused}", code="store") from refused
    return refused.item
