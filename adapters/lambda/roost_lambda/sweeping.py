"""The sweeper: rings for what should have been woken and was not.

A wake that was lost is rung for a minute after its time. What can't wake stays where it is in the index, so its age
tells how often it was tried: in the first minutes at each look, then at every fifth, as `roost.engine.retries` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from roost.engine.retries import LONGEST

from . import keys, rows
from .bells import JobBell
from .schema import WAKES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from roost.ports import Host

    from .bells import Bells
    from .client import Item
    from .store import DynamoStore

OVERDUE: Final = 60.0
"""Seconds after its time at which a wake counts as lost: Scheduler is accurate to a minute."""
EACH: Final = 60.0
"""Seconds between two looks."""
FRESH: Final = 600.0
"""Seconds after its time until which a wake is rung for at each look."""


async def sweep(store: DynamoStore, bells: Bells, host: Host, until: float) -> int:
    """See `LambdaBackend.sweep`."""
    now = host.now()
    count = 0
    for shard in range(keys.SHARDS):
        async for item in _overdue(store, host, f"w{shard}", now - OVERDUE, until):
            if not its_turn(now - float(item["wt"]["N"]), now):
                continue
            address, sk = keys.address_of(item["pk"]["S"]), item["sk"]["S"]
            if sk == keys.HEAD:
                await bells.ring(address, 0.0)
            elif await store.journal.left_behind(item):
                continue
            else:
                await bells.ring_job(JobBell(address, uid_of(sk)), 0.0)
            count += 1
    return count


def its_turn(age: float, now: float) -> bool:
    """Whether what is so old, in seconds, is rung for at this look."""
    return age < FRESH or int(now // EACH) % int(LONGEST // EACH) == 0


def uid_of(sk: str) -> str:
    """The job of a J# key."""
    version, _, i = sk.rpartition("#")[2].partition(".")
    return f"{int(version)}.{int(i)}"


async def _overdue(store: DynamoStore, host: Host, shard: str, edge: float, until: float) -> AsyncIterator[Item]:
    params: dict[str, Any] = {
        "IndexName": WAKES, "KeyConditionExpression": "wk = :w AND wt <= :t",
        "ExpressionAttributeValues": {":w": rows.s(shard), ":t": rows.n(edge)},
    }  # fmt: skip
    while host.monotonic() < until:
        answer = await store.table.call("query", **params)
        for item in answer["Items"]:
            yield item
        if not answer.get("LastEvaluatedKey"):
            return
        params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
