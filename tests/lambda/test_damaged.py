"""Rows whose columns have lost their value or their type cost themselves, never their agent."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from roost.contract.address import Address
from roost.contract.commit import Entry, Envelope, Handled, Letter, Row, Schedule
from roost.contract.trigger import Call, Nothing, Trigger
from roost_lambda import columns, keys, rows
from roost_lambda.columns import Layout
from roost_lambda.table import Table

from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio
HERE = Address("counter", "a")
RECORDS: list[tuple[Layout[Any], Any]] = [
    (columns.LETTER, Letter("i", "client", "me", "work", b"[]", "urgent", False, 1, 5.0, 3, b"{}", False)),
    (columns.ENVELOPE, Envelope("i", HERE, "work", b"[]", HERE, 2, "urgent", True, 1, 5.0)),
    (columns.SCHEDULE, Schedule("k", 1, 5.0, b"{}", "ring", b"[]", 1, 6.0)),
    (columns.PEER, Row("c", "l", 5.0, "me", b"{}", b"1")),
    (columns.HANDLED, Handled("client", "me", "i", b"f", "rejected", b"{}", 5.0)),
    (columns.ENTRY, Entry(3, "k", b"1", 5.0)),
]
WRONG: list[Any] = [None, {"S": "x"}, {"N": "7"}, {"B": b"x"}, {"NULL": True}, {"N": "1.5"}, {"L": []}]


@pytest.mark.parametrize(("layout", "record"), RECORDS, ids=[type(x).__name__ for _, x in RECORDS])
def test_any_item_is_read(layout: Layout[Any], record: Any) -> None:
    more = {"n": 3} if isinstance(record, Letter) else {}
    item = layout.write(record)
    assert layout.read(item, **more) == record
    for column in item:
        for wrong in WRONG:
            spoilt = {k: v for k, v in item.items() if k != column} | ({} if wrong is None else {column: wrong})
            found = layout.read(spoilt, **more)
            for field in dataclasses.fields(record):
                own, theirs = getattr(record, field.name), getattr(found, field.name)
                assert theirs is None or isinstance(theirs, type(own)) or (own is None), (column, wrong, field.name)


async def test_damaged_rows_cost_themselves(fleet: Fleet) -> None:
    host, other = fleet.host(), fleet.host()
    await host.dispatch(HERE, increment())
    await host.dispatch(HERE, increment(None, "remind", 3600))
    await host.runtime.tell(HERE, Call("increment"), id="t1", delay=3600)
    await host.runtime.tell(HERE, Call("increment"), id="t2", delay=3600)
    table, pk = Table(fleet.name, fleet.calls), keys.partition(HERE)

    async def spoil(prefix: str, **changed: Any) -> None:
        item = dict((await table.range(pk, *keys.whole(prefix)))[0])
        for name, value in changed.items():
            item.pop(name)
            if value is not None:
                item[name] = value
        await table.call("put_item", Item=item)

    await spoil("M#", sr=None, nx={"S": "soon"})
    await spoil("T#", k=None, du={"S": "noon"})
    async with asyncio.timeout(30):
        assert (await other.dispatch(HERE, increment())).get() == 2, "the agent does not answer"
    await fleet.settle()
    dead = await other.store.dead(HERE, 0, 10)
    assert len(dead) == 2, dead
    assert not await table.range(pk, *keys.whole("T#")), "the damaged schedule is still there"
    assert (await other.dispatch(HERE, Trigger("export", Nothing(), source="admin"))).raw()
    waiting = await other.store.parked(HERE, 0, 10)
    assert [x.id for x in waiting] == ["t2"]
    assert rows.letter((await table.range(pk, *keys.whole("M#")))[0]).id == "t2"
