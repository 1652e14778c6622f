"""A fresh table in the emulated AWS."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from roost_lambda.client import Client
from roost_lambda.schema import table

_numbers = itertools.count()


@asynccontextmanager
async def dynamo(endpoint: str | None = None) -> AsyncIterator[tuple[str, Client]]:
    """(name of a table of its own, a way to it)"""
    client = Client(endpoint=endpoint or os.environ["ROOST_AWS"], region="us-east-1")
    name = f"t-{os.getpid()}-{next(_numbers)}"
    await client("create_table", table(name))
    try:
        yield name, client
    finally:
        await client("delete_table", {"TableName": name})
        client.close()
