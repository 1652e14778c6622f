"""Hosts' rows: one lives, then is dead, and never lives again; what it held is taken once it is marked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from roost.contract.address import Address
from roost.contract.commit import Busy, Lease, Snapshot
from roost.contract.errors import RoostError, TransientError
from roost.hosting.asyncio_host import AsyncioHost
from roost_conformance.ports.commit_writer import STATE, CommitWriter, letter, refused
from roost_postgres.beats import Beats
from roost_postgres.holds import TableHolds
from roost_postgres.member import Clock, Member
from roost_postgres.store import PostgresStore

pytestmark = pytest.mark.anyio
LINK = 30.0
"""Seconds that anything here may take."""
LATE = "UPDATE roost.host SET until = until - interval '1 hour'"


class Worker:
    """What a process has, without a server."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.member = Member(store.access, ["claim"], "0")
        self.roused: list[Address] = []
        self.gave: list[Address] = []
        self.holds = TableHolds(
            store.access, store.book, self.member, AsyncioHost(), self.roused.append, self.gave.append
        )
        store.took = self.holds.took

    async def take(self, address: Address) -> Snapshot | Busy:
        return await self.store.load(address, self.holds.lease())


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Worker]:
    worker = Worker(await PostgresStore.open(database))
    await worker.member.enter()
    yield worker
    await worker.member.leave()
    await worker.store.close()


@pytest.fixture
async def link(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    link = await asyncpg.connect(database)
    yield link
    await link.close()


async def test_a_second_host_is_refused_while_the_first_beats(worker: Worker, database: str) -> None:
    async with asyncio.timeout(LINK):
        beats = Beats(database, worker.member, cached=True)
        beats.start()
        other = Worker(await PostgresStore.open(database))
        error = await refused(TransientError, other.member.enter())
        assert error.code == "pool-of-one" and worker.member.current.name in error.message
        await beats.stop()
        await worker.member.leave()
        await other.member.enter()  # at once: the first has left in order
        await other.member.leave()
        await other.store.close()


async def test_a_host_that_died_is_waited_for_and_its_agents_are_taken(
    worker: Worker, database: str, link: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with asyncio.timeout(LINK):
        address = Address("claim", "a")
        assert isinstance(await worker.take(address), Snapshot)
        other = Worker(await PostgresStore.open(database))
        entering = asyncio.create_task(other.member.enter())
        await asyncio.sleep(0.5)
        assert not entering.done(), "it may be alive"
        await link.execute(LATE)  # it beat an hour ago
        await entering
        found = await other.take(address)
        assert isinstance(found, Snapshot) and found.taken == "dead"
        error = await refused(TransientError, worker.take(address))
        assert error.code == "host-over", "who is marked dead takes nothing"
        await other.member.leave()
        await other.store.close()


async def test_a_host_whose_beat_came_too_late_is_over_and_enters_as_another(
    worker: Worker, database: str, link: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with asyncio.timeout(LINK):
        closed = asyncio.Event()
        worker.member.ended = closed.set
        address = Address("claim", "a")
        await worker.take(address)
        first = worker.member.current
        assert worker.holds.sure(address)
        beats = Beats(database, worker.member, cached=True)
        beats.start()
        await link.execute("UPDATE roost.host SET until = clock_timestamp() - interval '1 ms'")
        await closed.wait()
        assert not worker.holds.holds(address) and worker.member.trouble
        assert (await refused(TransientError, _lease(worker))).code == "unsure"
        again = worker.member._task  # pyright: ignore[reportPrivateUsage]
        assert again is not None
        await again
        assert worker.member.current.name != first.name and worker.member.trouble is None
        found = await worker.take(address)
        assert isinstance(found, Snapshot) and found.taken == "dead" and found.fence == 2
        await beats.stop()


async def _lease(worker: Worker) -> Lease:
    return worker.holds.lease()


async def test_a_loop_that_stands_still_stops_the_beats(worker: Worker, database: str) -> None:
    async with asyncio.timeout(LINK):
        beats = Beats(database, worker.member, cached=True)
        worker.member.seen -= 60.0
        before = worker.member.current.sure_until
        beats._thread.start()  # pyright: ignore[reportPrivateUsage]  # without what says that the loop runs
        await asyncio.sleep(1.2)
        assert worker.member.current.sure_until == before
        await beats.stop()


async def test_an_agent_that_was_rung_for_is_not_given_back(worker: Worker) -> None:
    async with asyncio.timeout(LINK):
        address, holds = Address("claim", "a"), worker.holds
        await worker.take(address)
        kept, until = await holds.post(address, letter("one"), 9, None)
        assert kept.n == 1 and until > time.time() - 60, "somebody holds it"
        assert not await holds.leave(address, False, 0, False, True), "it was rung for"
        await holds.heard(address, await holds.rings(address))
        assert await holds.leave(address, False, 0, False, True)
        assert not holds.holds(address) and worker.gave == [address]
        _, until = await holds.post(address, letter("two"), 9, None)
        assert until == 0.0 and not await holds.ring(address, None)


async def test_a_guest_is_answered_by_the_commit_of_its_tick_or_taken_back_once(worker: Worker) -> None:
    async with asyncio.timeout(LINK):
        writer = CommitWriter(worker.store, "claim")
        await writer.write(state=STATE)
        address, holds = writer.address, worker.holds
        taken = await worker.take(address)
        assert isinstance(taken, Snapshot)
        guests = [
            (await holds.post(address, replace(letter(f"g{n}"), forwarded=b"{}"), 9, None))[0].n for n in range(4)
        ]
        await writer.write(state=b"2", fence=taken.fence, consumed=guests[0], answer=b"two")
        assert await holds.answered(address, guests[0]) == b"two"
        assert not await holds.withdraw(address, guests[0])
        assert await holds.withdraw(address, guests[1]) and await holds.answered(address, guests[1]) is None
        gone = writer.draft(state=b"3", fence=taken.fence, consumed=guests[1], answer=b"late")
        await refused(RoostError, worker.store.commit(gone))
        await holds.answer(address, guests[2], b"no")
        await holds.answer(address, guests[2], b"again")
        assert await holds.answered(address, guests[2]) == b"no"
        last = writer.draft(destroy=True, fence=taken.fence, consumed=guests[3], answer=b"bye")
        await worker.store.commit(last)
        assert await holds.answered(address, guests[3]) == b"bye"
        assert (await writer.load()).waiting == 0


def test_the_clock_moves_no_more_than_an_answer_demands() -> None:
    clock = Clock()
    sent = time.monotonic()
    apart = clock.now() - sent
    clock.saw(sent + apart + 0.001, sent, sent + 0.01)  # as it was, within what the way took
    assert abs(clock.now() - time.monotonic() - apart) < 1e-3
    clock.saw(sent + apart + 100.0, sent, sent + 0.01)
    assert 99.98 < clock.now() - time.monotonic() - apart < 100.001, "never ahead of the database"
