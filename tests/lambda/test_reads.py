"""Readers beside the ticks: what they see is of one moment, however fast the agent changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from roost.address import Address
from roost.commit import Snapshot
from roost_lambda.client import Client

from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(dynamo: tuple[str, Client]) -> AsyncIterator[Fleet]:
    fleet = Fleet(*dynamo)
    yield fleet
    await fleet.stop()


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
