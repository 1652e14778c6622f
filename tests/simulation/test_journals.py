"""The journal of the simulation's objects is Cloudflare's own: it keeps every promise of the port."""

from __future__ import annotations

import pytest

from roost_conformance.ports import JOURNAL_CASES, PortCase
from tests.simulation.objects import Objects

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("case", JOURNAL_CASES.values(), ids=JOURNAL_CASES)
async def test_journal(case: PortCase) -> None:
    await case.drive(Objects(1000))
