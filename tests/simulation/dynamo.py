"""A small DynamoDB in this process: one table, as strict as the service about what it is given.

Filled at the seam of `roost_lambda.client.Calls`. Every call is one instant; who calls, and what becomes of the call
on its way, is the caller's affair. `watch` is told of every write: all items that one call changed, together.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, Final, TypeAlias

from roost_lambda.client import Reason, Refused
from roost_lambda.schema import KINDS, WAKES

from .expression import Invalid, Item, Unsupported, Value, comparable, condition, number, update

Params: TypeAlias = Mapping[str, Any]
TABLE: Final = "t"
ITEM: Final = 400 * 1024
TRANSACTION: Final = 100
"""Lines of one, and the keys of one read of many; 25 writes of many."""
INDICES: Final = {KINDS: ("lk", "ln"), WAKES: ("wk", "wt")}
KEYS: Final = {"pk": "S", "sk": "S", "lk": "S", "ln": "S", "wk": "S", "wt": "N"}
_EXPRESSED: Final = frozenset({"ExpressionAttributeNames", "ExpressionAttributeValues", "ConditionExpression"})
_PARAMS: Final[Mapping[str, frozenset[str]]] = {
    "get_item": frozenset({"Key", "ConsistentRead"}),
    "put_item": frozenset({"Item", "ReturnValuesOnConditionCheckFailure"}) | _EXPRESSED,
    "update_item": frozenset(
        {"Key", "UpdateExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"}
    ) | _EXPRESSED,
    "delete_item": frozenset({"Key", "ReturnValues", "ReturnValuesOnConditionCheckFailure"}) | _EXPRESSED,
    "query": frozenset({
        "KeyConditionExpression", "FilterExpression", "ExpressionAttributeNames", "ExpressionAttributeValues",
        "ConsistentRead", "Limit", "ExclusiveStartKey", "Select", "IndexName",
        "ScanIndexForward",
    }),
    "batch_get_item": frozenset({"RequestItems"}),
    "batch_write_item": frozenset({"RequestItems"}),
    "transact_get_items": frozenset({"TransactItems"}),
    "transact_write_items": frozenset({"TransactItems", "ClientRequestToken"}),
}  # fmt: skip
_OF_ONE: Final = frozenset({"get_item", "put_item", "update_item", "delete_item", "query"})
_LINES: Final = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item", "ConditionCheck": "delete_item"}


@dataclass(frozen=True, slots=True)
class Changed:
    """One item, before and after; None = there is none."""

    pk: str
    sk: str
    old: Item | None
    new: Item | None


class Dynamo:
    """`page`: items a page of a query has, most. `delayed`: whether an index does not show an item's change yet."""

    def __init__(self, page: int = 1000, name: str = TABLE) -> None:
        self.name = name
        self.page = page
        self.watch: Callable[[str, Sequence[Changed]], None] | None = None
        self.delayed: Callable[[str], bool] = lambda pk: False
        self._items: dict[str, dict[str, Item]] = {}
        self._order: dict[str, list[str]] = {}
        """Sort keys of each partition, ascending."""
        self._tokens: dict[str, Any] = {}
        """Transactions that were made, by their tokens."""

    def item(self, pk: str, sk: str) -> Item | None:
        """For whoever looks from outside."""
        return self._items.get(pk, {}).get(sk)

    def range(self, pk: str, low: str, high: str) -> list[Item]:
        """Items with `low` <= sk < `high`, ascending."""
        order = self._order.get(pk, [])
        items = self._items.get(pk, {})
        return [items[sk] for sk in order[bisect.bisect_left(order, low) : bisect.bisect_left(order, high)]]

    def call(self, operation: str, params: Params) -> Mapping[str, Any]:
        """One call, done. Refused: DynamoDB's no."""
        given = dict(params)
        given.pop("ReturnConsumedCapacity", None)
        if operation in _OF_ONE and given.pop("TableName", None) != self.name:
            raise Unsupported("another table")
        known = _PARAMS.get(operation)
        if known is None or not given.keys() <= known:
            raise Unsupported(f"{operation} with {sorted(given.keys() - (known or set()))}")
        try:
            answer: Mapping[str, Any] = getattr(self, f"_{operation}")(given)
        except Invalid as error:
            raise Refused("ValidationException", str(error)) from error
        return answer

    # One item ----------------------------------------------------------------------------------------

    def _get_item(self, given: Params) -> Mapping[str, Any]:
        found = self.item(*_key(given["Key"]))
        return {} if found is None else {"Item": dict(found)}

    def _put_item(self, given: Params) -> Mapping[str, Any]:
        self._written("put_item", [self._made("Put", given)])
        return {}

    def _update_item(self, given: Params) -> Mapping[str, Any]:
        made = self._made("Update", given)
        self._written("update_item", [made])
        assert made.new is not None
        wanted = given.get("ReturnValues", "NONE")
        if wanted == "ALL_NEW":
            return {"Attributes": dict(made.new)}
        if wanted == "UPDATED_NEW":
            touched = update(given["UpdateExpression"]).touched(given.get("ExpressionAttributeNames", {}))
            return {"Attributes": {k: v for k, v in made.new.items() if k in touched}}
        if wanted != "NONE":
            raise Unsupported(f"ReturnValues={wanted}")
        return {}

    def _delete_item(self, given: Params) -> Mapping[str, Any]:
        made = self._made("Delete", given)
        self._written("delete_item", [made])
        wanted = given.get("ReturnValues", "NONE")
        if wanted not in ("NONE", "ALL_OLD"):
            raise Unsupported(f"ReturnValues={wanted}")
        return {"Attributes": dict(made.old)} if wanted == "ALL_OLD" and made.old is not None else {}

    def _made(self, verb: str, given: Params) -> Changed:
        """What one write makes of its item; Refused when its condition does not hold."""
        names, values = given.get("ExpressionAttributeNames", {}), given.get("ExpressionAttributeValues", {})
        pk, sk = _key(given["Key"] if "Key" in given else given["Item"])
        old = self.item(pk, sk)
        test = condition(given["ConditionExpression"]) if "ConditionExpression" in given else None
        change = update(given["UpdateExpression"]) if verb == "Update" else None
        _all_used(frozenset[str]().union(*(x.placeholders for x in (test, change) if x is not None)), names, values)
        for value in values.values():
            _check(value)
        if test is not None and not test.test(old or {}, names, values):
            shown = given.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old is not None
            raise Refused("ConditionalCheckFailedException", "it does not hold", dict(old or {}) if shown else None)
        if verb == "Put":
            new: Item | None = dict(given["Item"])
        elif change is not None:
            if change.touched(names) & {"pk", "sk"}:
                raise Invalid("cannot update a part of the key")
            new = change.apply(old or dict(given["Key"]), names, values)
        else:
            new = old if verb == "ConditionCheck" else None
        if new is not None:
            _whole(new)
        return Changed(pk, sk, old, new)

    def _written(self, operation: str, made: Sequence[Changed]) -> None:
        """All of it, at once."""
        for one in made:
            if one.new is one.old:
                continue
            order = self._order.setdefault(one.pk, [])
            if one.new is None:
                if self._items.get(one.pk, {}).pop(one.sk, None) is not None:
                    del order[bisect.bisect_left(order, one.sk)]
            else:
                items = self._items.setdefault(one.pk, {})
                if one.sk not in items:
                    bisect.insort(order, one.sk)
                items[one.sk] = one.new
        if self.watch is not None:
            self.watch(operation, made)

    # Many --------------------------------------------------------------------------------------------

    def _query(self, given: Params) -> Mapping[str, Any]:
        names, values = given.get("ExpressionAttributeNames", {}), given.get("ExpressionAttributeValues", {})
        test = condition(given["KeyConditionExpression"])
        keep = condition(given["FilterExpression"]) if "FilterExpression" in given else None
        _all_used(test.placeholders | (keep.placeholders if keep else frozenset[str]()), names, values)
        index = given.get("IndexName")
        if index is None:
            found = self._partition(given, values)
            place = _by_key
        else:
            if given.get("ConsistentRead"):
                raise Invalid("consistent reads are not supported on global secondary indexes")
            first, second = INDICES[index]
            place = partial(_by_index, second)
            everything = [x for pk, p in self._items.items() for x in p.values() if not self.delayed(pk)]
            found = sorted((x for x in everything if first in x and second in x), key=place)
        start, forward = given.get("ExclusiveStartKey"), given.get("ScanIndexForward", True)
        if start is not None:
            if start.keys() != {"pk", "sk", *(INDICES[index] if index else ())}:
                raise Invalid("the provided starting key is invalid")
            found = [x for x in found if (place(x) > place(start) if forward else place(x) < place(start))]
        found = [x for x in found if test.test(x, names, values)]
        if not forward:
            if index is not None:
                raise Unsupported("backwards, of an index")
            found.reverse()
        limit = given.get("Limit", self.page)
        if limit < 1:
            raise Invalid("Limit must be at least 1")
        limit = min(limit, self.page)
        rest, found = found[limit:], found[:limit]
        answer: dict[str, Any] = {}
        if rest or (len(found) == given.get("Limit")):  # a full page says so even where nothing follows
            last = found[-1]
            answer["LastEvaluatedKey"] = {k: last[k] for k in ("pk", "sk", *(INDICES[index] if index else ()))}
        if keep is not None:
            found = [x for x in found if keep.test(x, names, values)]
        answer["Count"] = len(found)
        if given.get("Select") == "COUNT":
            return answer
        if "Select" in given:
            raise Unsupported(f"Select={given['Select']}")
        shown = ("pk", "sk", *INDICES[index]) if index else None
        answer["Items"] = [dict(x) if shown is None else {k: x[k] for k in shown} for x in found]
        return answer

    def _partition(self, given: Params, values: Mapping[str, Value]) -> list[Item]:
        if not given["KeyConditionExpression"].startswith("pk = :"):
            raise Unsupported(given["KeyConditionExpression"])
        pk = values[given["KeyConditionExpression"].split()[2]]["S"]
        items = self._items.get(pk, {})
        return [items[sk] for sk in self._order.get(pk, ())]

    def _batch_get_item(self, given: Params) -> Mapping[str, Any]:
        asked = given["RequestItems"][self.name]
        wanted = [_key(x) for x in asked["Keys"]]
        if not 0 < len(wanted) <= TRANSACTION or len(set(wanted)) != len(wanted):
            raise Invalid("too many items requested, or one of them twice")
        found = [dict(x) for k in wanted if (x := self.item(*k)) is not None]
        return {"Responses": {self.name: found}, "UnprocessedKeys": {}}

    def _batch_write_item(self, given: Params) -> Mapping[str, Any]:
        lines = given["RequestItems"][self.name]
        made: list[Changed] = []
        for line in lines:
            if "PutRequest" in line:
                made.append(self._made("Put", line["PutRequest"]))
            else:
                made.append(self._made("Delete", line["DeleteRequest"]))
        if not 0 < len(made) <= 25 or len({(x.pk, x.sk) for x in made}) != len(made):
            raise Invalid("too many items, or one of them twice")
        for one in made:
            self._written("batch_write_item", [one])
        return {"UnprocessedItems": {}}

    def _transact_get_items(self, given: Params) -> Mapping[str, Any]:
        wanted: list[tuple[str, str]] = []
        for line in given["TransactItems"]:
            if line.keys() != {"Get"} or line["Get"].keys() != {"TableName", "Key"}:
                raise Unsupported(str(line))
            wanted.append(_key(line["Get"]["Key"]))
        if not 0 < len(wanted) <= TRANSACTION or len(set(wanted)) != len(wanted):
            raise Invalid("too many items requested, or one of them twice")
        found = [self.item(*k) for k in wanted]
        return {"Responses": [{} if x is None else {"Item": dict(x)} for x in found]}

    def _transact_write_items(self, given: Params) -> Mapping[str, Any]:
        lines: Sequence[Mapping[str, Any]] = given["TransactItems"]
        token = given["ClientRequestToken"]
        if token in self._tokens:
            if self._tokens[token] != lines:
                raise Refused("IdempotentParameterMismatchException", "the token was used for something else")
            return {}
        if not 0 < len(lines) <= TRANSACTION:
            raise Invalid(f"a transaction of {len(lines)} lines")
        made: list[Changed] = []
        reasons: list[Reason] = []
        for line in lines:
            ((verb, body),) = line.items()
            inner = dict(body)
            if inner.pop("TableName", None) != self.name or not inner.keys() <= _PARAMS[_LINES[verb]]:
                raise Unsupported(f"{verb} with {sorted(inner)}")
            try:
                made.append(self._made(verb, inner))
                reasons.append(Reason("None", None))
            except Refused as refused:
                reasons.append(Reason("ConditionalCheckFailed", refused.item))
        if len({_key(b["Key"] if "Key" in b else b["Item"]) for x in lines for b in x.values()}) != len(lines):
            raise Invalid("transaction request cannot include multiple operations on one item")
        if any(r.code != "None" for r in reasons):
            raise Refused("TransactionCanceledException", "transaction cancelled", reasons=tuple(reasons))
        self._tokens[token] = list(lines)
        self._written("transact_write_items", made)
        return {}


def _by_key(item: Item) -> Any:
    return item["sk"]["S"]


def _by_index(second: str, item: Item) -> Any:
    return comparable(item[second])[1], item["pk"]["S"], item["sk"]["S"]


def _key(given: Mapping[str, Any]) -> tuple[str, str]:
    pk, sk = given.get("pk", {}).get("S"), given.get("sk", {}).get("S")
    if not pk or not sk:
        raise Invalid("one or more parameter values are not valid: a key is missing or empty")
    if len(pk.encode()) > 2048 or len(sk.encode()) > 1024:
        raise Invalid("a key is too long")
    return pk, sk


def _all_used(used: frozenset[str], names: Mapping[str, str], values: Mapping[str, Value]) -> None:
    extra = (names.keys() | values.keys()) - used
    if extra:
        raise Invalid(f"value unused in expressions: {sorted(extra)}")


def _check(value: Value) -> None:
    """A value as DynamoDB takes it."""
    if len(value) != 1:
        raise Invalid("supplied AttributeValue has more than one datatypes set, or none")
    ((kind, inner),) = value.items()
    if kind == "N":
        if not isinstance(inner, str) or not isfinite(number(value)):
            raise Invalid("a value provided cannot be converted into a number")
    elif not ((kind == "S" and isinstance(inner, str)) or (kind == "B" and isinstance(inner, bytes))):
        raise Unsupported(f"a value of type {kind}: {type(inner).__name__}")


def _whole(item: Item) -> None:
    """An item as DynamoDB takes it."""
    size = 0
    for name, value in item.items():
        _check(value)
        ((kind, inner),) = value.items()
        if name in KEYS and (kind != KEYS[name] or inner == ""):
            raise Invalid(f"type mismatch for the key {name}, or it is empty")
        size += len(name) + (len(inner.encode()) if kind == "S" else len(inner))
    if size > ITEM:
        raise Refused("ValidationException", "item size has exceeded the maximum allowed size")
