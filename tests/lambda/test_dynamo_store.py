"""The DynamoDB store keeps every promise of the port."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator

import pytest

from roost.ports import Store
from roost.testing.ports import PORT_CASES, PortCase
from roost_lambda.client import Client
from roost_lambda.schema import table
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

pytestmark = pytest.mark.anyio
_numbers = itertools.count()


@pytest.fixture
async def store() -> AsyncIterator[DynamoStore]:
    client = Client(endpoint=os.environ["ROOST_AWS"], region="us-east-1")
    name = f"ports-{os.getpid()}-{next(_numbers)}"
    await client("create_table", table(name))
    yield DynamoStore(Table(name, client))
    client.close()


@pytest.mark.parametrize("case", PORT_CASES.values(), ids=PORT_CASES)
async def test_port(case: PortCase, store: DynamoStore) -> None:
    port: Store = store
    await case.drive(port)
