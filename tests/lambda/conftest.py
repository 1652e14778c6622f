"""Fixtures of the tests against emulated AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roost_lambda.client import Client

from . import emulator
from .deployed import deployed

__all__ = ["deployed", "dynamo"]


@pytest.fixture
async def dynamo() -> AsyncIterator[tuple[str, Client]]:
    """(name of a fresh table, a way to it)"""
    async with emulator.dynamo() as found:
        yield found
