"""Numbered frames in order (rule 16), where every frame is an invocation of its own.

One invocation of a connection holds its lane and runs frames as their turn comes; the others leave theirs in the
table and go. The lane's number goes on before frames run, so whoever takes over from a dead or a frozen holder runs
none again, and that one runs none any more. A frame is put first and counted second, and the lane is let go only if
the count has not risen since the holder last looked, so no frame is left behind. A holder out of time leaves its frames
too and says so: another invocation takes the lane. Of one that dies holding the lane it is not known what it ran: its
last frames may be lost, or parked at the agent and not run yet, where those that follow would overtake them. That is a
gap, which closes the connection: our client comes back and sends again.

    pk #conn#cid   sk Q            next, count, holder, until, ttl
                   sk F#seq        text, ttl
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from roost.contract.errors import RoostError
from roost.protocol.numbering import GAP_SECONDS
from roost.protocol.reorder import ReorderBuffer

from .client import Refused
from .keys import connection
from .table import Table

LANE: Final = "Q"
HOLD: Final = 6.0
"""Seconds after which a dead holder's lane is free."""
RENEW: Final = 2.0
"""Seconds after which a holder puts that off."""
KEEP: Final = 7500.0
"""Seconds until DynamoDB may forget: longer than any connection."""
LATE: Final = 2.5
"""Seconds more for the missing frame's invocation to begin: it may be a cold one, and API Gateway had it in time."""
LOOK: Final = 0.1
"""Seconds between two looks for a missing frame."""

log = logging.getLogger("roost")
Run = Callable[[list[str]], Awaitable[None]]


class FrameGap(Exception):
    """A frame did not come in time; `seq` is the one that is missing. `crowded`: too much waits behind it."""

    def __init__(self, seq: int, *, crowded: bool) -> None:
        super().__init__(f"frame {seq} is missing")
        self.seq = seq
        self.crowded = crowded


@dataclass(slots=True)
class Lanes:
    """Runs the numbered frames of connections; `end` (by `clock`, monotonic) is when this invocation must be done.

    `now`: epoch seconds, for what hosts leave one another in the table."""

    table: Table
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep)
    clock: Callable[[], float] = time.monotonic

    async def take(self, cid: str, seq: int, text: str, token: str, run: Run, end: float) -> bool:
        """Run this frame now, or leave it to whoever holds the lane. FrameGap: one before it never came.

        False: time is over and frames wait; `resume` them in another invocation.
        """
        put = False
        while True:
            row, first = await self._enter(cid, token, None if put else seq)
            if row is not None:
                own = {} if put else {seq: text}
                ended = await self._keeping(cid, token, self._hold(cid, row, own, token, run, end, first))
                if ended is not None:
                    return ended
                if not own:
                    return True
            if not put:
                await self._put(cid, seq, text)
                put = True
            if await self._count(cid):
                return True

    async def resume(self, cid: str, token: str, run: Run, end: float) -> bool:
        """Run what another invocation left, unless somebody does. FrameGap and the answer: as `take`."""
        row, _ = await self._enter(cid, token, None)
        return row is None or await self._keeping(cid, token, self._hold(cid, row, {}, token, run, end)) is not False

    async def _hold(
        self, cid: str, row: dict[str, Any], own: dict[int, str], token: str, run: Run, end: float, first: bool = False
    ) -> bool | None:
        """None: the lane was lost, and `own` is what was not run. `first`: the own frame is claimed already."""
        claimed, count = _number(row, "next") or 1, _number(row, "count")
        order = ReorderBuffer[str](claimed - first)
        for n, text in own.items():
            order.add(n, text, len(text))
        missing: float | None = None
        try:
            while True:
                turn = [*order.ready()]
                if turn:
                    if order.next > claimed and not await self._claim(cid, token, order.next):
                        return None
                    claimed = order.next
                    own.clear()
                    own.update(order.waiting)
                    await run(turn)
                    missing = None
                for n, found in (await self._found(cid, order.next)).items():
                    order.add(n, found, len(found))
                waiting = order.waiting
                if waiting and self.clock() > end:
                    for n, text in own.items():
                        if n in waiting:
                            await self._put(cid, n, text)
                    await self._leave(cid, token, order.next, None)
                    return False
                if not waiting:
                    risen = await self._leave(cid, token, order.next, count)
                    if risen is None:
                        return True
                    count = risen
                elif order.gap:
                    missing = missing or self.clock()
                    if order.crowded or self.clock() > missing + GAP_SECONDS + LATE:
                        raise FrameGap(order.next, crowded=order.crowded)
                    await self.sleep(LOOK)
        except FrameGap:
            await self._leave(cid, token, order.next, None)
            raise

    async def _claim(self, cid: str, token: str, following: int) -> bool:
        """Frames below `following` are run by this holder, or never; False: it holds the lane no more."""
        try:
            await self.table.call(
                "update_item", Key=_key(cid, LANE), UpdateExpression="SET #n = :s, #u = :u",
                ConditionExpression="holder = :h", ExpressionAttributeNames={"#n": "next", "#u": "until"},
                ExpressionAttributeValues={
                    ":h": {"S": token}, ":s": {"N": str(following)}, ":u": {"N": f"{self.now() + HOLD:.3f}"},
                },
            )  # fmt: skip
        except Refused as refused:
            if refused.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    async def _keeping(self, cid: str, token: str, work: Coroutine[Any, Any, bool | None]) -> bool | None:
        """Have the lane while frames run or are waited for."""
        keeper = asyncio.ensure_future(self._keep(cid, token))
        try:
            return await work
        finally:
            keeper.cancel()

    async def _keep(self, cid: str, token: str) -> None:
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self.table.call(
                    "update_item", Key=_key(cid, LANE), UpdateExpression="SET #u = :u",
                    ConditionExpression="holder = :h", ExpressionAttributeNames={"#u": "until"},
                    ExpressionAttributeValues={":h": {"S": token}, ":u": {"N": f"{self.now() + HOLD:.3f}"}},
                )  # fmt: skip
            except Refused:
                return  # let go, or taken over
            except RoostError as error:
                log.warning("a lane of frames was not kept: %s", error)

    async def _enter(self, cid: str, token: str, seq: int | None) -> tuple[dict[str, Any] | None, bool]:
        """The lane's row, now held by us, None: another invocation holds it. `seq` is claimed in the same write if it
        is next; whether it was. FrameGap: the holder is dead."""
        now = self.now()
        free = "(attribute_not_exists(holder) OR holder = :h)"
        values = {
            ":h": {"S": token}, ":u": {"N": f"{now + HOLD:.3f}"}, ":t": {"N": str(int(now + KEEP))}, ":one": {"N": "1"},
        }  # fmt: skip
        names = {"#u": "until", "#t": "ttl", "#c": "count"}
        given: dict[str, Any] = {
            "Key": _key(cid, LANE), "ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }  # fmt: skip
        if seq is not None:
            following = "#x = :s" if seq > 1 else "(attribute_not_exists(#x) OR #x = :s)"
            try:
                answer = await self.table.call(
                    "update_item", **given,
                    UpdateExpression="SET holder = :h, #u = :u, #t = :t, #x = :a ADD #c :one",
                    ConditionExpression=f"{free} AND {following}", ExpressionAttributeNames={**names, "#x": "next"},
                    ExpressionAttributeValues={**values, ":s": {"N": str(seq)}, ":a": {"N": str(seq + 1)}},
                )  # fmt: skip
                return answer["Attributes"], True
            except Refused as refused:
                if refused.code != "ConditionalCheckFailedException":
                    raise
                stood = refused.item or {}
                if stood.get("holder", {}).get("S") == token:
                    return stood, True  # its own success, whose answer was lost
        try:
            answer = await self.table.call(
                "update_item", **given, UpdateExpression="SET holder = :h, #u = :u, #t = :t ADD #c :one",
                ConditionExpression=free, ExpressionAttributeNames=names, ExpressionAttributeValues=values,
            )  # fmt: skip
        except Refused as refused:
            if refused.code != "ConditionalCheckFailedException":
                raise
            stood = refused.item or {}
            if float(stood.get("until", {}).get("N", "0")) < now:
                raise FrameGap(_number(stood, "next") or 1, crowded=False) from None
            return None, False
        return answer["Attributes"], False

    async def _count(self, cid: str) -> bool:
        """Tell the holder that there is one more; False: there is no holder any more."""
        try:
            await self.table.call(
                "update_item", Key=_key(cid, LANE), UpdateExpression="ADD #c :one",
                ConditionExpression="attribute_exists(holder) AND #u >= :n",
                ExpressionAttributeNames={"#u": "until", "#c": "count"},
                ExpressionAttributeValues={":n": {"N": f"{self.now():.3f}"}, ":one": {"N": "1"}},
            )  # fmt: skip
        except Refused as refused:
            if refused.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    async def _leave(self, cid: str, token: str, following: int, count: int | None) -> int | None:
        """Let the lane go; the new count if frames came since (`count` None: whatever came)."""
        values: dict[str, Any] = {":h": {"S": token}, ":s": {"N": str(following)}}
        condition = "holder = :h"
        names = {"#n": "next", "#u": "until"}
        if count is not None:
            condition += " AND #c = :c"
            values[":c"] = {"N": str(count)}
            names["#c"] = "count"
        try:
            await self.table.call(
                "update_item", Key=_key(cid, LANE), UpdateExpression="SET #n = :s REMOVE holder, #u",
                ConditionExpression=condition, ExpressionAttributeNames=names, ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )  # fmt: skip
        except Refused as refused:
            if refused.code != "ConditionalCheckFailedException":
                raise
            item = refused.item or {}
            if item.get("holder", {}).get("S") != token:
                return None  # the answer was lost and this is its repetition, or our time was over
            return _number(item, "count")
        return None

    async def _put(self, cid: str, seq: int, text: str) -> None:
        item = {**_key(cid, _frame(seq)), "text": {"S": text}, "ttl": {"N": str(int(self.now() + KEEP))}}
        await self.table.call("put_item", Item=item)

    async def _found(self, cid: str, following: int) -> dict[int, str]:
        """The frames that others left, from the number on."""
        # One page, 1 MiB, is as much as may wait behind a gap; what follows a run is found at the next look.
        answer = await self.table.call(
            "query", KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z", ConsistentRead=True,
            ExpressionAttributeValues={
                ":p": {"S": connection(cid)}, ":a": {"S": _frame(following)}, ":z": {"S": _frame(10**12 - 1)},
            },
        )  # fmt: skip
        return {int(i["sk"]["S"][2:]): i["text"]["S"] for i in answer["Items"]}


def _key(cid: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": connection(cid)}, "sk": {"S": sk}}


def _frame(seq: int) -> str:
    return f"F#{seq:012d}"


def _number(row: dict[str, Any], name: str) -> int:
    return int(row.get(name, {}).get("N", "0"))
