"""The store of a pool keeps every promise of the ports, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from roost.ports import Store
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES, PortCase
from roost_postgres.scratch import Scratch, scratch
from roost_postgres.store import PostgresStore

pytestmark = pytest.mark.anyio
CASES = {**PORT_CASES, **JOURNAL_CASES}


@pytest.fixture
async def store(server: Scratch) -> AsyncIterator[PostgresStore]:
    """All cases share a database: each has kinds of its own."""
    store = await PostgresStore.open(server.dsn)
    yield store
    await store.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_port(case: PortCase, store: PostgresStore) -> None:
    port: Store = store
    await case.drive(port)


@pytest.mark.long
async def test_ports_on_16_without_prepared_statements() -> None:
    """The oldest version that is claimed, as behind a pooler that shares sessions."""
    with scratch(16, "fsync=off") as server:
        store = await PostgresStore.open(server.dsn, cached=False)
        for case in CASES.values():
            await case.drive(store)
        await store.close()
