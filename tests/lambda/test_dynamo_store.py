"""The DynamoDB store keeps every promise of the port."""

from __future__ import annotations

import pytest

from roost.ports import Store
from roost_conformance.ports import PORT_CASES, PortCase
from roost_lambda.client import Client
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("case", PORT_CASES.values(), ids=PORT_CASES)
async def test_port(case: PortCase, dynamo: tuple[str, Client]) -> None:
    store: Store = DynamoStore(Table(*dynamo))
    await case.drive(store)
