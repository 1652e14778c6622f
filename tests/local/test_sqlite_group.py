"""Group commit: one fsync for many agents, and no agent pays for another's bad row or for a full disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from roost.contract.commit import Commit, Committed, Handled, Put
from roost.contract.errors import AgentError, Conflict, RoostError, TransientError, Unknown
from roost_conformance.ports.commit_writer import STATE, CommitWriter, handled, letter, load, refused
from roost_local import group, schema, store
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio


class Faulty(sqlite3.Connection):
    """A connection whose next COMMITs fail, before or after they have happened."""

    commits: list[sqlite3.OperationalError | None]

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.commits and (error := self.commits.pop(0)) is not None:
            raise error
        return super().execute(sql, *values)


def failure(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("injected")
    error.sqlite_errorcode = code
    return error


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Faulty]:
    """The connections that stores open: the one for writes first."""
    found: list[Faulty] = []

    def connect(path: Path, _: object) -> sqlite3.Connection:
        connection = schema.connect(path, Faulty)
        connection.commits = []
        found.append(connection)
        return connection

    monkeypatch.setattr(store, "connect", connect)
    return found


@pytest.fixture
async def sqlite(tmp_path: Path, connections: list[Faulty]) -> AsyncIterator[SqliteStore]:
    sqlite = SqliteStore.open(tmp_path / "agents.db")
    yield sqlite
    await sqlite.close()


async def test_commits_share_groups(sqlite: SqliteStore) -> None:
    async def work(writer: CommitWriter) -> None:
        for _ in range(20):
            await writer.write(state=STATE)

    await asyncio.gather(*(work(CommitWriter(sqlite, "group", f"k{n}")) for n in range(32)))
    assert sqlite.commits == 640
    assert sqlite.groups <= 640 / 16


async def test_a_group_is_bounded(sqlite: SqliteStore) -> None:
    writers = [CommitWriter(sqlite, "bounded", f"k{n}") for n in range(group.WRITES * 2 + 1)]
    await asyncio.gather(*(writer.write(state=STATE) for writer in writers))
    assert sqlite.groups == 3
    await asyncio.gather(*(writer.write(state=bytes(group.BYTES // 3)) for writer in writers[:7]))
    assert sqlite.groups == 6
    await writers[0].write(state=bytes(group.BYTES * 2))
    assert sqlite.groups == 7


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_bad_row_harms_nobody_else(sqlite: SqliteStore, keyed: bool) -> None:
    writers = [CommitWriter(sqlite, "neighbours", f"k{n}") for n in range(9)]
    drafts = [
        writer.draft(state=STATE, kv=(Put("k", b"1"),), handled=handled("id") if keyed else None) for writer in writers
    ]
    drafts[2].base = 5
    drafts[4].kv = (Put("k", b"1"), Put("k\ud800", b"2"))
    drafts[6].released = 1 << 70
    drafts[7].at = None  # type: ignore[assignment]  # what no tick makes
    answers = await asyncio.gather(*(sqlite.commit(d) for d in drafts), return_exceptions=True)
    for n, (writer, answer) in enumerate(zip(writers, answers, strict=True)):
        bad = {2: Conflict, 4: AgentError, 6: AgentError, 7: Conflict}.get(n)
        found = await writer.load()
        if bad is None:
            assert answer == Committed(1) and found.state == STATE
            assert await sqlite.get(writer.address, ["k"]) == {"k": b"1"}
        else:
            assert isinstance(answer, bad) and not found.exists and found.version == 0, n
            assert await sqlite.get(writer.address, ["k"]) == {}
            assert await sqlite.outcome(writer.address, "client", "me", "id") is None
            await writer.write(state=STATE)
    assert len({(await writer.load()).address for writer in writers}) == 9


async def test_agents_of_a_failed_group_get_new_ids(sqlite: SqliteStore, connections: list[Faulty]) -> None:
    one, two = CommitWriter(sqlite, "ids", "one"), CommitWriter(sqlite, "ids", "two")
    connections[0].commits = [failure(sqlite3.SQLITE_FULL)]
    await refused(TransientError, sqlite.commit(one.draft(state=b"1")))
    await two.write(state=b"2")
    await one.write(state=b"1")
    assert ((await one.load()).state, (await two.load()).state) == (b"1", b"2")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(sqlite3.SQLITE_FULL, TransientError), (sqlite3.SQLITE_IOERR, Unknown), (sqlite3.SQLITE_IOERR | 4 << 8, Unknown)],
)
async def test_a_failed_commit_fails_its_group_and_no_other(
    sqlite: SqliteStore, connections: list[Faulty], code: int, kind: type[RoostError]
) -> None:
    writers = [CommitWriter(sqlite, "failing", f"k{n}") for n in range(4)]
    await asyncio.gather(*(writer.write(state=b"1") for writer in writers))
    connections[0].commits = [failure(code)]
    first = asyncio.gather(*(sqlite.commit(writer.draft(state=b"2")) for writer in writers[:2]), return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # the first group is under way: these two are the next
    second = asyncio.gather(*(writer.write(state=b"3") for writer in writers[2:]))
    answers = await first
    await second
    assert [type(a) for a in answers] == [kind, kind]
    assert [(await writer.load()).state for writer in writers] == [b"1", b"1", b"3", b"3"]
    await writers[0].write(state=b"4")


async def test_a_full_disk(sqlite: SqliteStore, connections: list[Faulty]) -> None:
    writer, other = CommitWriter(sqlite, "disk", "a"), CommitWriter(sqlite, "disk", "b")
    await writer.write(state=STATE, handled=handled("before"))
    await other.write(state=STATE)
    pages: int = connections[0].execute("PRAGMA page_count").fetchone()[0]
    connections[0].execute(f"PRAGMA max_page_count={pages + 8}")
    big = writer.draft(state=bytes(200_000), handled=handled("big"), kv=(Put("k", bytes(100_000)),))
    error = await refused(TransientError, sqlite.commit(big))
    assert error.code == "storage" and "full" in error.message
    before = await writer.load()
    assert before.state == STATE and await sqlite.outcome(writer.address, "client", "me", "big") is None
    await other.write(state=b"small")
    await sqlite.park(writer.address, letter("x"), 10, 1.0)
    connections[0].execute(f"PRAGMA max_page_count={1 << 30}")
    assert await sqlite.commit(big) == Committed(2)
    assert (await load(sqlite, writer.address)).state == bytes(200_000)


async def test_another_program_holds_the_file_locked(sqlite: SqliteStore) -> None:
    writer = CommitWriter(sqlite, "locked")
    await writer.write(state=b"1")
    other = sqlite3.connect(sqlite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = await refused(TransientError, sqlite.commit(writer.draft(state=b"2")))
    assert error.code == "storage" and "locked" in error.message
    assert (await writer.load()).state == b"1"
    other.execute("ROLLBACK")
    other.close()
    await writer.write(state=b"2")


async def test_a_cancelled_caller_holds_nobody_up(sqlite: SqliteStore) -> None:
    writers = [CommitWriter(sqlite, "cancelled", f"k{n}") for n in range(3)]
    tasks = [asyncio.ensure_future(writer.write(state=STATE)) for writer in writers]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(tasks[0], tasks[2])
    assert [(await writer.load()).exists for writer in writers] == [True, True, True]


async def test_close_finishes_what_was_begun(tmp_path: Path) -> None:
    first = SqliteStore.open(tmp_path / "agents.db")
    writers = [CommitWriter(first, "closing", f"k{n}") for n in range(50)]
    work = asyncio.gather(*(writer.write(state=STATE) for writer in writers))
    await asyncio.sleep(0)
    await asyncio.gather(first.close(), work)
    error = await refused(TransientError, first.commit(writers[0].draft(state=b"2")))
    assert error.code == "shutting-down"
    assert not (tmp_path / "agents.db-wal").exists()
    second = SqliteStore.open(tmp_path / "agents.db")
    assert [(await load(second, writer.address)).state for writer in writers] == [STATE] * 50
    await second.close()


async def test_expired_inbox_rows_leave(sqlite: SqliteStore, connections: list[Faulty]) -> None:
    writer, other = CommitWriter(sqlite, "sweep", "a"), CommitWriter(sqlite, "sweep", "b")

    async def fill(count: int, life: float) -> None:
        for i in range(0, count, 500):
            commits: list[Commit] = []
            for n in range(i, i + 500):
                id = f"{n * 7919 % 100_003}-{life}"
                commit = writer.draft(at=writer.at + 1.0, handled=handled(id, expires=writer.at + life))
                writer.follow(commit)
                commits.append(commit)
            await asyncio.gather(*(sqlite.commit(c) for c in commits))

    def rows() -> int:
        return int(connections[0].execute("SELECT count(*) FROM inbox").fetchone()[0])

    await other.write(handled=handled("kept", expires=other.at + 1.5))
    await fill(3000, 1e6)
    assert rows() == 3001
    await fill(6000, 500.0)
    alive = 500 + 3000
    assert alive <= rows() <= alive * 1.6, rows()
    kept: Handled | None = await sqlite.outcome(other.address, "client", "me", "kept")
    assert kept is not None
