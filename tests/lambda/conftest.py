"""Fixtures of the tests against an emulated DynamoDB."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator

import pytest

from roost_lambda.client import Client
from roost_lambda.schema import table

_numbers = itertools.count()


@pytest.fixture
async def dynamo() -> AsyncIterator[tuple[str, Client]]:
    """(name of a fresh table, a way to it)"""
    client = Client(endpoint=os.environ["ROOST_AWS"], region="us-east-1")
    name = f"t-{os.getpid()}-{next(_numbers)}"
    await client("create_table", table(name))
    yield name, client
    client.close()
