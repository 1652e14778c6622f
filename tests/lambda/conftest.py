"""Fixtures of the tests against an emulated DynamoDB."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roost_lambda.client import Client

from . import emulator


@pytest.fixture
async def dynamo() -> AsyncIterator[tuple[str, Client]]:
    """(name of a fresh table, a way to it)"""
    async with emulator.dynamo() as found:
        yield found
