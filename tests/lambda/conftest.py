"""Fixtures of the tests against emulated AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roost_lambda.client import Client

from . import emulator
from .deployed import deployed
from .hosts import Fleet

__all__ = ["deployed", "dynamo"]


@pytest.fixture
async def dynamo() -> AsyncIterator[tuple[str, Client]]:
    """(name of a fresh table, a way to it)"""
    async with emulator.dynamo() as found:
        yield found


@pytest.fixture
async def fleet(dynamo: tuple[str, Client]) -> AsyncIterator[Fleet]:
    """Hosts over a fresh table; nobody answers doorbells until it is told to."""
    fleet = Fleet(*dynamo)
    yield fleet
    await fleet.stop()
