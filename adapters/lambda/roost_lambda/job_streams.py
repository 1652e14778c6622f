"""The streams of jobs over the table: their rows, and who follows them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from roost.contract.address import Address
from roost.contract.job import Claim
from roost.contract.job_refusals import not_ours
from roost.contract.stream import FOLLOWERS, Follower, StreamLine

from . import job_items as items
from . import keys, rows
from .client import Item, Refused
from .job_look import JobLook, in_the_way
from .table import Table


class Streams:
    """The part of `Journal` that says what a job tells."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.look = JobLook(table)

    async def put(self, claim: Claim, item: Item) -> bool:
        try:
            await self.table.call(
                "put_item", Item=item, ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )  # fmt: skip
        except Refused as refused:
            stood = in_the_way(refused)
            if stood is None:
                stood = await self.table.get(item["pk"]["S"], item["sk"]["S"])
            return stood is not None and rows.whole(stood, "c") == claim.number
        return True

    async def stream(self, claim: Claim, line: StreamLine, drop: Sequence[int]) -> bool:
        pk, key = keys.partition(claim.address), items.job_key(claim.life, claim.uid)
        seen, written = await asyncio.gather(
            self.look.see(pk, claim.life, claim.uid),
            self.put(claim, items.put_stream(pk, key, claim, line)),
            return_exceptions=True,
        )
        if isinstance(seen, BaseException):
            raise seen
        if seen.job is None or seen.head.epoch != claim.life or seen.job.ended is not None:
            if written is True:
                await self._unsaid(pk, key, claim, line)
            raise not_ours(claim)
        if isinstance(written, BaseException):
            raise written
        if written and drop:
            await self.table.write([], [(pk, items.stream_key(key, first)) for first in drop])
        return written

    async def _unsaid(self, pk: str, key: str, claim: Claim, line: StreamLine) -> None:
        """Take a row back that came when the job had ended: who reads it then is told nothing that its end left out.
        One that another row stands behind was there before, and is a part of what was said."""
        here = items.stream_key(key, line.first)
        last = await self.table.last(pk, here, items.all_of("R", key)[1])
        if last is not None and last["sk"]["S"] == here and rows.whole(last, "c") == claim.number:
            await self.table.write([], [(pk, here)])

    async def streamed(self, address: Address, uid: str, after: int, limit: int = 50) -> Sequence[StreamLine]:
        return await self.look.streamed(address, uid, after, limit)

    async def follow(self, address: Address, uid: str, follower: Follower) -> None:
        pk = keys.partition(address)
        key, job = await self.look.live(address, uid)
        if job is None:
            return
        left = {**items.FOLLOWER.write(follower), "ttl": rows.n(int(job.live.deadline + items.GRACE))}
        await self.table.write([rows.row(pk, items.follower_key(key, follower.cid, follower.name), left)], [])
        old = (await self.look.followers(address, uid))[:-FOLLOWERS]
        await self.table.write([], [(pk, items.follower_key(key, x.cid, x.name)) for x in old])

    async def unfollow(self, address: Address, uid: str, cid: str, name: str) -> None:
        pk = keys.partition(address)
        key = items.job_key((await self.look.life(pk)).epoch, uid)
        await self.table.write([], [(pk, items.follower_key(key, cid, name))])

    async def followers(self, address: Address, uid: str) -> Sequence[Follower]:
        return await self.look.followers(address, uid)
