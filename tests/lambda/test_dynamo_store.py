"""The DynamoDB store keeps every promise of the port."""

from __future__ import annotations

import pytest

from roost.ports import Store
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES, PortCase
from roost_lambda.client import Client
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

pytestmark = pytest.mark.anyio
CASES = {**PORT_CASES, **JOURNAL_CASES}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_port(case: PortCase, dynamo: tuple[str, Client]) -> None:
    store: Store = DynamoStore(Table(*dynamo))
    await case.drive(store)
