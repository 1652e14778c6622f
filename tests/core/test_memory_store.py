"""The reference store keeps every promise of the port."""

from __future__ import annotations

import pytest

from roost.hosting.memory import MemoryStore
from roost.ports import Store
from roost_conformance.ports import JOURNAL_CASES, PORT_CASES, PortCase

pytestmark = pytest.mark.anyio
CASES = {**PORT_CASES, **JOURNAL_CASES}


def test_the_suite_is_whole() -> None:
    assert len(PORT_CASES) >= 75 and len(JOURNAL_CASES) >= 22


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_port(case: PortCase) -> None:
    store: Store = MemoryStore()
    await case.drive(store)


async def test_all_cases_share_a_store() -> None:
    store = MemoryStore()
    for case in CASES.values():
        await case.drive(store)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_method_suspends(case: PortCase) -> None:
    if "race" in case.name or case.name in ("store-park-many", "journal-long"):
        return  # these gather, which needs a loop
    work = case.drive(MemoryStore()).__await__()
    with pytest.raises(StopIteration):
        next(work)
