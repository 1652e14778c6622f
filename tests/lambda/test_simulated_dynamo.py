"""The DynamoDB of the simulation is no more lenient than the emulator: the same calls, the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from roost_conformance.ports import PORT_CASES, PortCase
from roost_lambda.change import Change, key
from roost_lambda.client import Client, Refused
from roost_lambda.schema import WAKES
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table
from tests.simulation.dynamo import Dynamo

pytestmark = pytest.mark.anyio
SEEDS = 3
CALLS = 120
PARTITIONS, SORTS, NAMES = ("a", "b"), ("L", "M#1", "M#2", "O#1"), ("f", "g", "wt")


class Calls:
    """Fills `Calls` over the simulation's."""

    def __init__(self, dynamo: Dynamo) -> None:
        self._dynamo = dynamo

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        return self._dynamo.call(operation, params)


@pytest.mark.parametrize("case", PORT_CASES.values(), ids=PORT_CASES)
async def test_port(case: PortCase) -> None:
    """The store keeps its promises over it."""
    await case.drive(DynamoStore(Table("t", Calls(Dynamo(page=3)))))


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_same_calls_same_answers(seed: int, dynamo: tuple[str, Client]) -> None:
    name, real = dynamo
    ours = Calls(Dynamo(name=name))
    program = Program(Random(seed), name)
    for _ in range(CALLS):
        operation, params = program.call()
        theirs, mine = await _answer(real, operation, params), await _answer(ours, operation, params)
        assert mine == theirs, (operation, params)


class Program:
    """Calls as the store makes them, and some that are refused."""

    def __init__(self, rng: Random, name: str) -> None:
        self.rng = rng
        self.table = Table(name, _nowhere)
        self.name = name
        self._tokens = 0

    def call(self) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        one: dict[str, Any] = {"TableName": self.name}
        pk = rng.choice(PARTITIONS)
        match rng.choice(["get", "put", "update", "update", "update", "delete", "query", "index", "many", "transact"]):
            case "get":
                return "get_item", {**one, "Key": key(pk, self.sk()), "ConsistentRead": True}
            case "put":
                return "put_item", {**one, "Item": self.item(pk)}
            case "update":
                returns = rng.choice(["NONE", "ALL_NEW", "UPDATED_NEW"])
                given = {"ReturnValues": returns, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
                return "update_item", {**one, "Key": key(pk, self.sk()), **given, **self.change().params()}
            case "delete":
                return "delete_item", {**one, "Key": key(pk, self.sk()), "ReturnValues": "ALL_OLD"}
            case "query":
                values = {":pk": {"S": pk}, ":low": {"S": self.sk()}, ":high": {"S": self.sk()}}
                where = {"KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high"}
                if values[":low"]["S"] > values[":high"]["S"]:
                    values[":low"], values[":high"] = values[":high"], values[":low"]
                if rng.random() < 0.3:
                    where["FilterExpression"] = "e = :e"
                    values[":e"] = {"S": rng.choice("01")}
                return "query", {**one, **where, "ExpressionAttributeValues": values, "ConsistentRead": True}
            case "index":
                values = {":w": {"S": "w1"}, ":t": {"N": str(rng.randrange(6))}}
                return "query", {
                    **one, "IndexName": WAKES, "KeyConditionExpression": "wk = :w AND wt <= :t",
                    "ExpressionAttributeValues": values,
                }  # fmt: skip
            case "many":
                keys = [key(pk, sk) for sk in SORTS[: rng.randint(1, 4)]]
                if rng.random() < 0.5:
                    asked = {"Keys": keys, "ConsistentRead": True}
                    return "batch_get_item", {"RequestItems": {self.name: asked}}
                return "batch_write_item", {"RequestItems": {self.name: [{"DeleteRequest": {"Key": k}} for k in keys]}}
            case _:
                return "transact_write_items", {"TransactItems": self.lines(pk), "ClientRequestToken": self.token()}

    def token(self) -> str:
        self._tokens += 1
        return f"{self.name}-{self._tokens}"

    def sk(self) -> str:
        return self.rng.choice(SORTS)

    def item(self, pk: str, sk: str = "") -> dict[str, Any]:
        item: dict[str, Any] = {**key(pk, sk or self.sk()), "e": {"S": self.rng.choice("01")}, "x": {"B": b"\x00\x01"}}
        if self.rng.random() < 0.5:
            item |= {"wk": {"S": "w1"}, "wt": {"N": str(self.rng.randrange(6))}}
        return item

    def change(self) -> Change:
        rng, change = self.rng, Change()
        names = list(NAMES)
        rng.shuffle(names)
        change.bump(names[0])
        if rng.random() < 0.6:
            change.set(names[1], rng.choice([None, {"N": "2.5"}, {"N": "1"}]))
        if rng.random() < 0.5:
            change.equal(names[2], rng.choice([None, {"N": "1"}, {"N": "1.0"}]), rng.random() < 0.3)
        if rng.random() < 0.3:
            change.when("attribute_exists(pk)")
        if rng.random() < 0.3:
            until = change.name("wt")
            change.when(f"attribute_not_exists({until}) OR {until} <= {change.value({'N': str(rng.randrange(4))})}")
        return change

    def lines(self, pk: str) -> list[dict[str, Any]]:
        sorts = list(SORTS)
        self.rng.shuffle(sorts)
        lines: list[dict[str, Any]] = []
        for sk in sorts[: self.rng.randint(1, 3)]:
            match self.rng.choice(["line", "put", "delete"]):
                case "line":
                    lines.append(self.table.line(pk, sk, self.change()))
                case "put":
                    condition = self.rng.choice(["", "attribute_not_exists(o) OR x <= :at", "attribute_not_exists(pk)"])
                    values = {":at": {"B": b"\x01"}} if ":at" in condition else None
                    lines.append(self.table.put_line(self.item(pk, sk), condition, values))
                case _:
                    lines.append(self.table.delete_line(pk, sk, self.rng.choice(["", "attribute_exists(pk)"])))
        return lines


async def _nowhere(operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
    raise AssertionError("lines are only made")


async def _answer(calls: Any, operation: str, params: dict[str, Any]) -> Any:
    """What came back, in a form that can be compared."""
    try:
        found: Mapping[str, Any] = await calls(operation, params)
    except Refused as refused:
        reasons = [(r.code, _plain(r.item)) for r in refused.reasons]
        return "refused", refused.code, _plain(refused.item), reasons
    many: Mapping[str, list[Any]] | None = found.get("Responses")
    if many is not None:
        return sorted((_plain(x) for items in many.values() for x in items), key=str)
    return (
        _plain(found.get("Item")), _plain(found.get("Attributes")), [_plain(x) for x in found.get("Items", ())],
        found.get("Count"),
    )  # fmt: skip


def _plain(item: Mapping[str, Any] | None) -> Any:
    """Numbers by what they are worth: 1 is 1.0."""
    if not item:
        return None
    return {k: float(v["N"]) if "N" in v else bytes(v["B"]) if "B" in v else v["S"] for k, v in item.items()}
