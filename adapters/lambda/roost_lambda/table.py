"""One DynamoDB table as the store sees it: calls that are retried, counted, and bounded in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from roost.contract.errors import TransientError, Unknown

from .change import Change, key
from .client import Calls, Item, Lost, Refused

BUDGET: Final = 8.0
"""Seconds of retrying after which a call fails."""
BASE: Final = 0.02
CAP: Final = 0.6
"""Seconds of the first pause and of the longest; each is drawn between nothing and its bound (full jitter)."""

BUSY: Final = frozenset({
    "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "ThrottlingError",
    "ProvisionedThroughputExceeded", "ServiceUnavailable", "InternalServerError", "TransactionConflictException",
    "TransactionConflict", "TransactionInProgressException", "LimitExceededException",
})  # fmt: skip
"""Refusals that pass by themselves."""
ONE: Final = frozenset({"get_item", "put_item", "update_item", "delete_item", "query", "scan"})
"""Operations on one table: the others tell their cost table by table."""
READS: Final = frozenset({"get_item", "query", "scan", "batch_get_item", "transact_get_items"})


class Spent:
    """What calls cost, as their answers say."""

    __slots__ = ("calls", "reads", "retries", "trips", "writes")

    def __init__(self) -> None:
        self.calls = 0
        self.trips = 0
        """Round trips: calls under way at the same time are one."""
        self.retries = 0
        self.reads = 0.0
        self.writes = 0.0


class Table:
    """`sleep` and `clock` (seconds, monotonic) are parameters so that tests of failure need not wait."""

    def __init__(
        self,
        name: str,
        calls: Calls,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self.name = name
        self.spent = Spent()
        self._calls = calls
        self._clock = clock
        self._sleep = sleep
        self._random = random or Random()
        self._under_way = 0

    async def call(self, operation: str, /, *, again: bool = True, **params: Any) -> Mapping[str, Any]:
        """One call. Refused: DynamoDB said no for good. Unknown: no answer came, or `again` is False and one was lost.

        `again`: the call may be sent twice, because it is a read or its condition tells the second from the first.
        TransientError: DynamoDB had no room for it within the budget.
        """
        if operation not in ("transact_get_items", "transact_write_items", "batch_get_item", "batch_write_item"):
            params["TableName"] = self.name
        if operation != "create_table":
            params["ReturnConsumedCapacity"] = "TOTAL"
        edge = self._clock() + BUDGET
        attempt = 0
        while True:
            try:
                return self._count(operation, await self._once(operation, params))
            except Refused as refused:
                if not passing(refused):
                    raise
                failure: Exception = refused
            except Lost as lost:
                if not again:
                    raise Unknown(f"DynamoDB did not answer: {lost}") from lost
                failure = lost
            pause = self._random.uniform(0.0, min(CAP, BASE * 2**attempt))
            attempt += 1
            if self._clock() + pause > edge:
                if isinstance(failure, Lost):
                    raise Unknown(f"DynamoDB did not answer: {failure}") from failure
                raise TransientError(f"the store is overloaded: {failure}", code="store-busy") from failure
            self.spent.retries += 1
            await self._sleep(pause)

    async def _once(self, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        spent = self.spent
        spent.calls += 1
        if not self._under_way:
            spent.trips += 1
        self._under_way += 1
        try:
            return await self._calls(operation, params)
        finally:
            self._under_way -= 1

    def _count(self, operation: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Any = answer.get("ConsumedCapacity")
        if found:
            each: list[Mapping[str, Any]] = [found] if operation in ONE else found
            units = sum(float(x.get("CapacityUnits", 0.0)) for x in each)
            if operation in READS:
                self.spent.reads += units
            else:
                self.spent.writes += units
        return answer

    # The operations ----------------------------------------------------------------------------------

    async def get(self, pk: str, sk: str) -> Item | None:
        """One item, strongly consistent."""
        answer = await self.call("get_item", Key=key(pk, sk), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    async def update(self, pk: str, sk: str, change: Change, returns: str = "NONE") -> Item:
        """A conditional update. Refused carries the item that stood in the way."""
        try:
            answer = await self.call(
                "update_item", Key=key(pk, sk), ReturnValues=returns, ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **change.params(),
            )  # fmt: skip
        except Refused as refused:
            if refused.code == "ConditionalCheckFailedException" and refused.item is None:
                refused.item = await self.get(pk, sk)  # there is none, or a DynamoDB that does not say
            raise
        return answer.get("Attributes") or {}

    async def query(
        self, pk: str, low: str, high: str, *, limit: int | None = None, after: str | None = None,
        reverse: bool = False,
    ) -> tuple[list[Item], str | None]:  # fmt: skip
        """One page of items with `low` <= sk <= `high`, in order; the sk to go on after, None = the last page."""
        params: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":low": {"S": low}, ":high": {"S": high}},
            "ConsistentRead": True,
        }
        if limit is not None:
            params["Limit"] = limit
        if after is not None:
            params["ExclusiveStartKey"] = key(pk, after)
        if reverse:
            params["ScanIndexForward"] = False
        answer = await self.call("query", **params)
        last: Any = answer.get("LastEvaluatedKey")
        return list(answer["Items"]), None if not last else last["sk"]["S"]

    async def last(self, pk: str, low: str, high: str) -> Item | None:
        """The item with the greatest sk of those with `low` <= sk <= `high`."""
        answer = await self.call(
            "query", KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high", ConsistentRead=True, Limit=1,
            ExpressionAttributeValues={":pk": {"S": pk}, ":low": {"S": low}, ":high": {"S": high}},
            ScanIndexForward=False,
        )  # fmt: skip
        return next(iter(answer["Items"]), None)

    async def range(self, pk: str, low: str, high: str) -> list[Item]:
        """All items with `low` <= sk <= `high`."""
        found, after = await self.query(pk, low, high)
        while after is not None:
            more, after = await self.query(pk, low, high, after=after)
            found += more
        return found

    async def count(self, pk: str, low: str, high: str, after: str | None, **where: str | None) -> int:
        """How many items there are beyond `after`; `where`: attribute = text; None: it has none."""
        total = 0
        params: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":low": {"S": low}, ":high": {"S": high}},
            "ConsistentRead": True,
            "Select": "COUNT",
        }
        for name, text in where.items():
            if text is not None:
                params["ExpressionAttributeValues"][f":{name}"] = {"S": text}
        if where:
            params["ExpressionAttributeNames"] = {f"#{name}": name for name in where}
            tests = (f"attribute_not_exists(#{n})" if text is None else f"#{n} = :{n}" for n, text in where.items())
            params["FilterExpression"] = " AND ".join(tests)
        while True:
            if after is not None:
                params["ExclusiveStartKey"] = key(pk, after)
            answer = await self.call("query", **params)
            total += int(answer["Count"])
            last: Any = answer.get("LastEvaluatedKey")
            if not last:
                return total
            after = last["sk"]["S"]

    async def gather(self, pk: str, names: list[str]) -> list[Item]:
        """The items of those sort keys that exist, in no order."""
        return await self.fetch([(pk, sk) for sk in names])

    async def fetch(self, keys: list[tuple[str, str]]) -> list[Item]:
        """The items that exist, in no order."""
        found: list[Item] = []
        for i in range(0, len(keys), 100):
            wanted: Any = [key(pk, sk) for pk, sk in keys[i : i + 100]]
            while wanted:
                answer = await self.call(
                    "batch_get_item", RequestItems={self.name: {"Keys": wanted, "ConsistentRead": True}}
                )
                found += answer["Responses"].get(self.name, ())
                rest: Mapping[str, Any] = answer.get("UnprocessedKeys") or {}
                wanted = rest[self.name]["Keys"] if self.name in rest else None
        return found

    async def together(self, pk: str, names: list[str]) -> list[Item | None]:
        """The items of those sort keys, 100 at most, all of one moment; None where there is none."""
        lines = [{"Get": {"TableName": self.name, "Key": key(pk, sk)}} for sk in names]
        answer = await self.call("transact_get_items", TransactItems=lines)
        return [line.get("Item") for line in answer["Responses"]]

    async def write(self, items: list[Item], deletes: list[tuple[str, str]]) -> None:
        """Puts and deletes one by one, in no order: not atomic, may be sent twice."""
        lines: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        lines += [{"DeleteRequest": {"Key": key(pk, sk)}} for pk, sk in deletes]
        for i in range(0, len(lines), 25):
            wanted: Any = lines[i : i + 25]
            attempt = 0
            while wanted:
                answer = await self.call("batch_write_item", RequestItems={self.name: wanted})
                rest: Mapping[str, Any] = answer.get("UnprocessedItems") or {}
                wanted = rest.get(self.name)
                if wanted:
                    attempt += 1
                    if attempt > 12:
                        raise TransientError("the store is overloaded", code="store-busy")
                    await self._sleep(self._random.uniform(0.0, min(CAP, BASE * 2**attempt)))

    async def transact(self, lines: list[Item]) -> None:
        """All or nothing; a lost answer is asked for again under the same token. Refused has a reason a line."""
        token = f"{self._random.getrandbits(128):032x}"
        await self.call("transact_write_items", TransactItems=lines, ClientRequestToken=token)

    def line(self, pk: str, sk: str, change: Change) -> Item:
        """A conditional update as a line of a transaction."""
        return {
            "Update": {
                "TableName": self.name, "Key": key(pk, sk), "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **change.params(),
            }
        }  # fmt: skip

    def put_line(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> Item:
        """A put as a line of a transaction."""
        body: Item = {"TableName": self.name, "Item": item}
        if condition:
            body["ConditionExpression"] = condition
            body["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if values:
            body["ExpressionAttributeValues"] = dict(values)
        return {"Put": body}

    def delete_line(self, pk: str, sk: str, condition: str = "") -> Item:
        """A delete as a line of a transaction."""
        body: Item = {"TableName": self.name, "Key": key(pk, sk)}
        if condition:
            body["ConditionExpression"] = condition
        return {"Delete": body}


def passing(refused: Refused) -> bool:
    """The same call may go through in a moment."""
    if refused.code == "TransactionCanceledException":
        codes = {r.code for r in refused.reasons} - {"None"}
        return bool(codes) and codes <= BUSY
    return refused.code in BUSY
