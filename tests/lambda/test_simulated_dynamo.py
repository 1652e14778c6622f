"""The DynamoDB of the simulation is no more lenient than the emulator: the same calls, the same answers."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from roost_conformance.ports import JOURNAL_CASES, PORT_CASES, PortCase
from roost_conformance.ports.commit_writer import STATE, CommitWriter
from roost_conformance.ports.job_writer import JobWriter
from roost_lambda.change import Change, key
from roost_lambda.client import Client, Lost, Refused
from roost_lambda.keys import partition
from roost_lambda.schema import WAKES
from roost_lambda.store import DynamoStore
from roost_lambda.table import READS, Table
from tests.simulation.dynamo import Dynamo

pytestmark = pytest.mark.anyio
CASES = {**PORT_CASES, **JOURNAL_CASES}

SEEDS = 3
CALLS = 120
PARTITIONS, SORTS, NAMES = ("a", "b"), ("L", "M#1", "M#2", "O#1"), ("f", "g", "wt")


class Calls:
    """Fills `Calls` over the simulation's."""

    def __init__(self, dynamo: Dynamo) -> None:
        self._dynamo = dynamo

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        return self._dynamo.call(operation, params)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_port(case: PortCase) -> None:
    """The store keeps its promises over it."""
    await case.drive(DynamoStore(Table("t", Calls(Dynamo(page=3)))))


class Losing(Calls):
    """Does each write, and loses its first answer."""

    def __init__(self, dynamo: Dynamo) -> None:
        super().__init__(dynamo)
        self._seen: set[str] = set()

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        answer = await super().__call__(operation, params)
        which = f"{operation} {params}"
        if operation not in READS and which not in self._seen:
            self._seen.add(which)
            raise Lost("injected")
        return answer


async def _at_once(seconds: float) -> None:
    pass


@pytest.mark.parametrize("name", JOURNAL_CASES)
async def test_journal_with_lost_answers(name: str) -> None:
    """Each promise holds, whatever answers are lost."""
    table = Table("t", Losing(Dynamo()), sleep=_at_once)
    await JOURNAL_CASES[name].drive(DynamoStore(table))


async def test_a_job_of_a_former_life_rings_for_nobody() -> None:
    dynamo = Dynamo()
    table = Table("t", Calls(dynamo))
    store = DynamoStore(table)
    writer = JobWriter(store, "left-behind")
    await writer.start()
    pk = partition(writer.address)
    (item,) = dynamo.range(pk, "J#", "J$")
    await writer.write(destroy=True)
    assert dynamo.range(pk, "J#", "J$") == []
    await table.write([item], [])  # whoever destroyed it died before it took this away
    assert await writer.journal.jobs(writer.address) == [] and await writer.journal.due(writer.address) is None
    uid = await writer.start()
    for found in dynamo.range(pk, "J#", "J$"):
        assert await store.journal.left_behind(found) == (found == item)
    assert len(dynamo.range(pk, "J#", "J$")) == 1 and (await writer.job(uid)).live.uid == uid


async def test_what_a_step_and_an_agent_without_jobs_cost() -> None:
    table = Table("t", Calls(Dynamo()))
    store = DynamoStore(table)
    plain = CommitWriter(store, "plain")
    await plain.write(state=STATE)
    calls = table.spent.calls
    await plain.load()
    await plain.write(state=b"2")
    assert table.spent.calls == calls + 2
    writer = JobWriter(store, "costs")
    claim = (await writer.claim(await writer.start())).claim
    calls, trips = table.spent.calls, table.spent.trips
    await writer.append(claim, b"1")
    assert (table.spent.calls - calls, table.spent.trips - trips) == (2, 2)


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
