"""The store's port suite against Amazon's own DynamoDB Local, which has the last word on conditions and keys.

It does some ten writes a second, so all of it takes minutes: `pytest -m long tests/lambda/test_second_opinion.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from roost.contract.errors import LimitExceeded
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

from .dynamodb_local import ITEMS, dynamodb_local, java
from .emulator import dynamo

pytestmark = [
    pytest.mark.anyio, pytest.mark.long, pytest.mark.skipif(java() is None, reason="DynamoDB Local needs Java"),
]  # fmt: skip
PATIENCE = 600.0


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with dynamodb_local() as found:
        yield found


@pytest.mark.parametrize("name", [*PORT_CASES, *JOURNAL_CASES])
async def test_case(endpoint: str, name: str) -> None:
    async with dynamo(endpoint) as (table, client):
        try:
            async with asyncio.timeout(PATIENCE):
                await {**PORT_CASES, **JOURNAL_CASES}[name].drive(DynamoStore(Table(table, client), items=ITEMS))
        except LimitExceeded as error:  # a case that needs more lines is refused by name
            if error.limit != "commit_operations":
                raise
