"""PostgreSQL for these tests: a server a session, a database a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from roost_postgres.scratch import Scratch, scratch


@pytest.fixture(scope="session")
def server() -> Iterator[Scratch]:
    """PostgreSQL 18. It flushes nothing: who needs what survives a crash starts one of its own."""
    with scratch(18, "fsync=off", "deadlock_timeout=50ms") as one:
        yield one


@pytest.fixture
async def database(server: Scratch) -> AsyncIterator[str]:
    """The dsn of an empty database."""
    link = await asyncpg.connect(server.dsn)
    name = await link.fetchval("SELECT 'test_' || replace(gen_random_uuid()::text, '-', '')")
    await link.execute(f'CREATE DATABASE "{name}" STRATEGY file_copy')
    yield server.dsn.replace("/postgres?", f"/{name}?")
    await link.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await link.close()
