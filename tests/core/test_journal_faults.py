"""A lost answer of the journal is settled as its port says: the same once more."""

from __future__ import annotations

import pytest

from roost.contract.errors import TransientError, Unknown
from roost.hosting.memory import MemoryStore
from roost.testing.faults import Faults, Strike
from roost.testing.faulty_journal import FaultyJournal
from roost_conformance.ports.commit_writer import START
from roost_conformance.ports.job_writer import JobWriter, signal

pytestmark = pytest.mark.anyio


async def _never(seconds: float = 0.0) -> None: ...


async def test_each_write_is_settled_by_doing_it_again() -> None:
    faults = Faults()
    writer = JobWriter(MemoryStore(), "faults")
    uid = await writer.start()
    writer.journal = FaultyJournal(writer.journal, Strike(faults, _never, lambda: None, _never))
    journal, address = writer.journal, writer.address
    claim = (await writer.claim(uid)).claim
    faults.once("journal.append", "lose")
    with pytest.raises(Unknown):
        await journal.append(claim, 1, b"1")
    assert await journal.append(claim, 1, b"1") and await writer.data(uid) == [b"1"]
    faults.once("journal.ring", "lose")
    with pytest.raises(Unknown):
        await journal.ring(address, uid, signal("s"), START)
    assert not (await journal.ring(address, uid, signal("s"), START)).fresh
    faults.once("journal.let_go", "lose")
    with pytest.raises(Unknown):
        await journal.let_go(claim, 2, None)
    assert await journal.let_go(claim, 2, None)
    faults.once("journal.rows", "fail")
    with pytest.raises(TransientError):
        await journal.rows(address, uid, 0)
