"""Readers beside the ticks: what they see is of one moment, however fast the agent changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Letter, Snapshot
from roost.contract.trigger import Import, Trigger
from roost.engine.export import dump
from roost.tick.image import Image

from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio


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
