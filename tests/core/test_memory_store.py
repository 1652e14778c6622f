"""The reference store keeps every promise of the port."""

from __future__ import annotations

import pytest

from roost.hosting.memory import MemoryStore
from roost.ports import Store
from roost_conformance.ports import PORT_CASES, PortCase

pytestmark = pytest.mark.anyio


def test_the_suite_is_whole() -> None:
    assert len(PORT_CASES) >= 75


@pytest.mark.parametrize("case", PORT_CASES.values(), ids=PORT_CASES)
async def test_port(case: PortCase) -> None:
    store: Store = MemoryStore()
    await case.drive(store)


async def test_all_cases_share_a_store() -> None:
    store = MemoryStore()
    for case in PORT_CASES.values():
        await case.drive(store)


@pytest.mark.parametrize("case", PORT_CASES.values(), ids=PORT_CASES)
def test_no_method_suspends(case: PortCase) -> None:
    if "race" in case.name or case.name == "store-park-many":
        return  # these gather, which needs a loop
    work = case.drive(MemoryStore()).__await__()
    with pytest.raises(StopIteration):
        next(work)
