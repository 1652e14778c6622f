"""What a batch of what steps say costs in DynamoDB, as its answers say (docs/costs-lambda.md)."""

from __future__ import annotations

import pytest

from roost_conformance.ports.job_streams import row
from roost_conformance.ports.job_writer import JobWriter
from roost_lambda.client import Client
from roost_lambda.store import DynamoStore
from roost_lambda.table import Spent, Table

pytestmark = pytest.mark.anyio


async def test_a_batch(dynamo: tuple[str, Client]) -> None:
    table = Table(*dynamo)
    writer = JobWriter(DynamoStore(table), "cost")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    table.spent = Spent()
    await writer.journal.stream(claim, row(claim, 1, b"1"), ())  # head and job are read in one call
    assert (table.spent.calls, table.spent.writes) == (2, 1.0)
    table.spent = Spent()
    await writer.journal.followers(writer.address, uid)
    assert (table.spent.calls, table.spent.reads, table.spent.writes) == (3, 3.0, 0.0)
    table.spent = Spent()
    await writer.journal.streamed(writer.address, uid, 0)
    assert (table.spent.calls, table.spent.reads) == (2, 2.0)
