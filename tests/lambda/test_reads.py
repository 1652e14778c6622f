"""Readers beside the ticks: what they see is of one moment, however fast the agent changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roost import Agent, App, action
from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Letter, Snapshot
from roost.contract.trigger import Connect, Import, Trigger
from roost.engine.export import dump
from roost.hosting.asyncio_host import AsyncioHost
from roost.tick.image import Image
from roost_lambda.backend import LambdaBackend
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

from .hosts import Fleet, NoFetch, increment

pytestmark = pytest.mark.anyio
RING = 5


class Diary(Agent):
    @action
    async def write(self, lines: int) -> None:
        for _ in range(lines):
            self.record("line")


async def test_a_large_state_that_changes_between_any_two_reads(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    a, writer, reader = Address("busy", "r"), fleet.host(), fleet.host().store
    await writer.dispatch(a, increment(None, "note", "x" * 3000))
    fetch = reader.table.range

    async def late(*given: Any) -> Any:
        await writer.dispatch(a, increment(None, "note", "y"))
        return await fetch(*given)

    monkeypatch.setattr(reader.table, "range", late)
    found = await reader.load(a)
    assert isinstance(found, Snapshot) and found.state is not None and found.version > 4
    assert len(json.loads(found.state)["seen"]) == found.version


async def test_dead_letters_that_another_host_imported(fleet: Fleet) -> None:
    """A host remembers the last head it read: not what an operator may be told from."""
    a, b, writer, reader = Address("busy", "a"), Address("busy", "b"), fleet.host(), fleet.host().store
    await writer.dispatch(a, increment(None, "note", "x"))
    found = await reader.load(a)
    assert isinstance(found, Snapshot)
    grave = DeadLetter(Letter("x", "client", "", "note", b'{"args":["x"],"kwargs":{}}', attempts=1), b"{}", found.at)
    document = dump(Image(found), [], [], [], [grave])
    assert not await reader.dead(b, 0, 10)
    (await writer.dispatch(b, Trigger("import", Import(document), source="admin"))).get()
    assert [one.letter.id for one in await reader.dead(b, 0, 10)] == ["x"]


@pytest.mark.parametrize("turned", [1, RING - 1, RING, 2 * RING])
async def test_a_log_whose_ring_turns_between_two_reads(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, turned: int
) -> None:
    """Entries that went while it was read are a gap that is told of, never a hole."""

    def host() -> LambdaBackend:
        store = DynamoStore(Table(fleet.name, fleet.calls), RING, now=fleet.clock.now)
        return LambdaBackend(App([Diary]), store, fleet.wire, fleet.bells, NoFetch(), AsyncioHost())

    a, writer, reader = Address("diary", f"d{turned}"), host(), host().store
    (await writer.dispatch(a, increment(None, "write", RING + 2))).get()
    query = reader.table.query

    async def late(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(reader.table, "query", query)
        (await writer.dispatch(a, increment(None, "write", turned))).get()
        return await query(*given, **more)

    monkeypatch.setattr(reader.table, "query", late)
    entries, first = await reader.log(a, 0, frozenset(), 100)
    assert [e.seq for e in entries] == list(range(first, first + len(entries))), (first, entries)
    assert first > 3, "what is gone is said to be there"


async def test_a_connection_is_greeted_once(fleet: Fleet) -> None:
    """Its function died after the commit and runs again: what ticks sent since is not overtaken by an old state."""
    a, host = Address("busy", "g"), fleet.host()
    assert (await host.greeting(a, "c1"))[0]
    (await host.dispatch(a, Trigger("connect", Connect("c1", "c1", 1.0)))).get()
    assert await fleet.host().greeting(a, "c1") == ([], "")
    assert (await host.greeting(a, "c2"))[0]
