"""The local store keeps every promise of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roost.ports import Store
from roost_conformance.ports import PORT_CASES, PortCase
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "data" / "agents.db")
    yield store
    await store.close()


@pytest.mark.parametrize("case", PORT_CASES.values(), ids=PORT_CASES)
async def test_port(case: PortCase, store: SqliteStore) -> None:
    port: Store = store
    await case.drive(port)


async def test_all_cases_share_a_store(store: SqliteStore) -> None:
    for case in PORT_CASES.values():
        await case.drive(store)
