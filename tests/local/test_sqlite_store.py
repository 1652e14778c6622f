"""The local store keeps every promise of the port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roost.hosting.memory import MemoryStore
from roost.hosting.resident import OwnedStore
from roost.ports import Store
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES, PortCase
from roost_conformance.ports.commit_writer import START, STATE
from roost_conformance.ports.job_writer import JobWriter
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio
CASES = {**PORT_CASES, **JOURNAL_CASES}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "data" / "agents.db")
    yield store
    await store.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_port(case: PortCase, store: SqliteStore) -> None:
    port: Store = store
    await case.drive(port)


async def test_all_cases_share_a_store(store: SqliteStore) -> None:
    for case in CASES.values():
        await case.drive(store)


@pytest.mark.parametrize("owned", ["sqlite", "memory"])
async def test_timers_see_agents_and_jobs(store: SqliteStore, owned: str) -> None:
    found: OwnedStore = store if owned == "sqlite" else MemoryStore()
    one, two, three = (JobWriter(found, "timers", key) for key in "abc")
    await one.start()
    uid = await two.start()
    await two.write(armed=START + 40.0)
    await three.write(state=STATE, armed=START + 20.0)
    assert found.due(START, 10) == [] and found.next_armed(START) == START + 1.0
    assert found.due(START + 1.0, 10) == [(one.address, START + 1.0), (two.address, START + 1.0)]
    assert found.due(START + 1.0, 1) == [(one.address, START + 1.0)]
    claim = (await two.claim(uid)).claim
    assert await two.journal.let_go(claim, 0, START + 50.0)
    assert [address for address, _ in found.due(START + 60.0, 10)] == [one.address, three.address, two.address]
    assert found.next_armed(START + 20.0) == START + 40.0 and found.next_armed(START + 40.0) == START + 50.0
    await two.journal.hold(two.address, uid, True, START + 45.0)
    assert found.next_armed(START + 40.0) is None
    await two.write(destroy=True)
    assert [address for address, _ in found.due(START + 60.0, 10)] == [one.address, three.address]
