"""What goes wrong between a worker and its database: links cut, rows it refuses, others in the way, its own crash."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import asyncpg
import pytest

from roost.contract.commit import AlreadyHandled, Busy, Committed, Lease, Put, Snapshot
from roost.contract.errors import AgentError, Conflict, Fenced, RoostError, TransientError
from roost_conformance.ports.commit_writer import STATE, CommitWriter, handled, letter, refused
from roost_postgres.scratch import Scratch, scratch
from roost_postgres.store import PostgresStore
from tests.postgres.proxy import Proxy

pytestmark = pytest.mark.anyio
LINK = 20.0
"""Seconds that anything here may take."""


async def test_an_answer_that_is_lost_is_settled_by_its_token(server: Scratch, database: str, tmp_path: Path) -> None:
    async with asyncio.timeout(LINK), Proxy(server.folder, tmp_path) as proxy:
        store = await PostgresStore.open(database.replace(str(server.folder), str(tmp_path)))
        writer = CommitWriter(store, "lost")
        await writer.write(state=STATE)
        await writer.write(state=b"2")
        proxy.needle = b"the-mark"
        proxy.cut = "answered"
        commit = writer.draft(state=b'"the-mark"', log=writer.entries("a"))
        assert await store.commit(commit) == Committed(3), "it is there, and nobody is told otherwise"
        writer.follow(commit)
        await refused(Fenced, store.commit(writer.draft(state=b"4")))
        assert proxy.cuts == 1
        found = await writer.load()
        assert (found.version, found.state, found.fence) == (3, b'"the-mark"', 1)
        proxy.cut = "asked"
        error = await refused(TransientError, store.commit(writer.draft(state=b'"the-mark"', fence=1)))
        assert error.code == "storage", "it is not there, and nothing in flight can bring it"
        assert (await writer.load()).version == 3 and (await writer.load()).fence == 2
        await writer.write(state=b"4", fence=2)
        await store.close()


async def test_a_letter_whose_answer_is_lost_is_unknown(server: Scratch, database: str, tmp_path: Path) -> None:
    async with asyncio.timeout(LINK), Proxy(server.folder, tmp_path) as proxy:
        store = await PostgresStore.open(database.replace(str(server.folder), str(tmp_path)))
        writer = CommitWriter(store, "park")
        await writer.write(state=STATE)
        proxy.needle, proxy.cut = b"the-mark", "answered"
        error = await refused(TransientError, store.park(writer.address, letter("the-mark"), 9, 1.0))
        assert error.code == "unknown"
        again = await store.park(writer.address, letter("the-mark"), 9, 1.0)
        assert [x.n for x in await store.parked(writer.address, 0, 9)] == [again.n]
        await store.close()


async def test_a_bad_row_costs_itself_and_not_its_neighbours(database: str) -> None:
    async with asyncio.timeout(LINK):
        store = await PostgresStore.open(database)
        writers = [CommitWriter(store, "bad", f"k{n}") for n in range(9)]
        for writer in writers:
            await writer.write(state=STATE)
        drafts = [writer.draft(state=b"2") for writer in writers]
        drafts[3].kv = (Put(secrets.token_hex(4000), b"1"),)  # no index takes it: SQLSTATE 54000
        drafts[6].kv = (Put("\ud800", b"1"),)
        answers = await asyncio.gather(*map(store.commit, drafts), return_exceptions=True)
        for n, (writer, answer) in enumerate(zip(writers, answers, strict=True)):
            if n in (3, 6):
                assert isinstance(answer, AgentError) and answer.code == "unstorable", answer
                assert (await writer.load()).version == 1
            else:
                assert answer == Committed(2)
        await store.close()


async def test_two_workers_lose_no_increment_and_run_no_id_twice(database: str) -> None:
    """Each id is tried by both workers at once; whoever is refused reads again, as an engine does."""
    async with asyncio.timeout(LINK):
        workers = [await PostgresStore.open(database) for _ in range(2)]
        keys, ids = [f"k{n}" for n in range(8)], [f"id{n}" for n in range(12)]

        async def once(store: PostgresStore, key: str, id: str) -> int:
            for _ in range(200):
                writer = CommitWriter(store, "count", key)
                found = await writer.load()
                writer.version, writer.seq = found.version, found.seq
                count = int(found.state or b"0") + 1
                commit = writer.draft(state=b"%d" % count, handled=handled(id, b"%d" % count))
                try:
                    answer = await store.commit(commit)
                except Conflict:
                    continue
                return int(answer.handled.value) if isinstance(answer, AlreadyHandled) else count
            raise AssertionError(f"{key} {id} found no turn")

        found = await asyncio.gather(*(once(w, key, id) for id in ids for key in keys for w in workers))
        pairs = [found[i : i + 2] for i in range(0, len(found), 2)]
        assert all(one == two for one, two in pairs), "both were told the same"
        for n, key in enumerate(keys):
            assert sorted(one for one, _ in pairs[n :: len(keys)]) == list(range(1, len(ids) + 1))
            assert (await CommitWriter(workers[0], "count", key).load()).state == b"%d" % len(ids)
        for worker in workers:
            await worker.close()


async def test_workers_that_start_at_once_make_the_tables_once_and_an_old_one_is_refused(database: str) -> None:
    async with asyncio.timeout(LINK):
        workers = await asyncio.gather(*(PostgresStore.open(database) for _ in range(4)))
        writer = CommitWriter(workers[0], "start")
        await writer.write(state=STATE)
        assert (await CommitWriter(workers[3], "start").load()).version == 1
        link = await asyncpg.connect(database)
        await link.execute("UPDATE roost.meta SET version=2")
        await (await PostgresStore.open(database)).close()  # what was added since does not concern it
        await link.execute("UPDATE roost.meta SET version=3, min_reader=3")
        error = await refused(TransientError, PostgresStore.open(database))
        assert error.code == "newer-schema"
        await link.close()
        for worker in workers:
            await worker.close()


async def test_an_agent_is_taken_from_a_host_that_is_marked_dead_and_from_no_other(database: str) -> None:
    async with asyncio.timeout(LINK):
        store = await PostgresStore.open(database)
        writer = CommitWriter(store, "claim")
        await writer.write(state=STATE)
        link = await asyncpg.connect(database)
        for name in (b"one", b"two"):
            await link.execute(
                "INSERT INTO roost.host VALUES($1, clock_timestamp() + '4 s', false, '', '{}', '', 1)", name
            )
        first = await store.load(writer.address, Lease("one", 0.0))
        assert isinstance(first, Snapshot) and (first.fence, first.taken) == (1, "given")
        busy = await store.load(writer.address, Lease("two", 0.0))
        assert isinstance(busy, Busy) and busy.until > 1e9
        again = await store.load(writer.address, Lease("one", 0.0))
        assert isinstance(again, Snapshot) and (again.fence, again.taken) == (2, "kept")
        await link.execute("UPDATE roost.host SET until = until - interval '1 hour' WHERE id = 'one'")
        assert isinstance(await store.load(writer.address, Lease("two", 0.0)), Busy), "late, but not marked"
        await link.execute("UPDATE roost.host SET dead = true WHERE id = 'one'")
        taken = await store.load(writer.address, Lease("two", 0.0))
        assert isinstance(taken, Snapshot) and (taken.fence, taken.taken) == (3, "dead")
        await refused(Fenced, store.commit(writer.draft(state=b"late", fence=2)))
        error = await refused(TransientError, store.load(writer.address, Lease("one", 0.0)))
        assert error.code == "host-over", "who is marked dead takes nothing, whoever has it"
        await writer.write(state=b"2", fence=3, yield_lease=True)
        given = await store.load(writer.address, Lease("three", 0.0))
        assert isinstance(given, Snapshot) and given.taken == "given"
        await link.close()
        await store.close()


async def test_what_was_acknowledged_survives_a_crash_of_the_server() -> None:
    async with asyncio.timeout(60.0):
        with scratch(18) as server:
            store = await PostgresStore.open(server.dsn)
            done = dict[str, int]()
            enough = asyncio.Event()

            async def work(key: str) -> None:
                writer = CommitWriter(store, "crash", key)
                try:
                    while True:
                        await writer.write(state=b"%d" % (writer.version + 1))
                        done[key] = writer.version
                        if sum(done.values()) >= 100:
                            enough.set()
                except RoostError:
                    return

            tasks = [asyncio.create_task(work(f"k{n}")) for n in range(8)]
            await enough.wait()
            await asyncio.to_thread(server.crash)
            await asyncio.gather(*tasks)
            await asyncio.to_thread(server.start)
            for key, version in done.items():
                found = await CommitWriter(store, "crash", key).load()
                assert version <= found.version <= version + 1
                assert found.state == b"%d" % found.version
            await store.close()
