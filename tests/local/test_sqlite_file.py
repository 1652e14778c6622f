"""The data file: who owns it, who may read it, which versions of it are understood."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from roost.contract.errors import RoostError, TransientError
from roost.hosting.jobs.tables import NAMES
from roost_conformance.ports.commit_writer import STATE, CommitWriter, load
from roost_conformance.ports.job_writer import JobWriter
from roost_local import schema
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio

OTHER = """
import sys
from roost.errors import RoostError
from roost_local.store import SqliteStore
try:
    SqliteStore.open(sys.argv[1])
except RoostError as error:
    print(error.code, error.message)
"""


def other_process(path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", OTHER, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return done.stdout.strip()


def problem(path: Path) -> RoostError:
    with pytest.raises(RoostError) as caught:
        SqliteStore.open(path)
    return caught.value


async def test_a_second_owner_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    store = SqliteStore.open(path)
    wanted = f"{path} is already served by process {os.getpid()}; stop it or use another --data"
    assert other_process(path) == f"data-in-use {wanted}"
    assert problem(path).message == wanted
    await store.close()
    assert other_process(path) == ""
    await SqliteStore.open(path).close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "agents.db"
    before = os.umask(0)
    try:
        store = SqliteStore.open(path)
        await CommitWriter(store, "mode").write(state=STATE)
    finally:
        os.umask(before)
    modes = {p.name: p.stat().st_mode & 0o777 for p in path.parent.iterdir()}
    assert set(modes) == {"agents.db", "agents.db-wal", "agents.db-shm", "agents.db.lock"}
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    await store.close()


async def test_durable_settings(tmp_path: Path) -> None:
    connection = schema.connect(tmp_path / "x.db", sqlite3.Connection)
    schema.prepare(connection, tmp_path / "x.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    connection.close()


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    await SqliteStore.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    connection.close()
    error = problem(path)
    assert isinstance(error, TransientError) and error.code == "newer-schema"
    assert f"schema {schema.VERSION + 1}" in error.message and f"reads {schema.VERSION}" in error.message
    assert problem(path).code == "newer-schema"  # the lock was let go


async def test_an_older_schema_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "agents.db"
    store = SqliteStore.open(path)
    writer = CommitWriter(store, "migrate")
    await writer.write(state=STATE)
    await store.close()
    now = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", now + 2)
    steps = {now: "CREATE TABLE one(x);", now + 1: "ALTER TABLE one ADD COLUMN y;"}
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    store = SqliteStore.open(path)
    assert (await load(store, writer.address)).state == STATE
    await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (now + 2,)
    assert connection.execute("SELECT x, y FROM one").fetchall() == []
    connection.close()


async def test_a_file_from_before_jobs_opens_and_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    store = SqliteStore.open(path)
    writer = JobWriter(store, "before")
    await writer.write(state=STATE)
    await store.close()
    connection = sqlite3.connect(path)
    for name in NAMES:
        connection.execute(f"DROP TABLE {name}")
    connection.execute("PRAGMA user_version=1")
    connection.commit()
    connection.close()
    store = SqliteStore.open(path)
    writer.store, writer.journal = store, store.journal
    assert (await writer.load()).state == STATE and (await writer.load()).jobs == ()
    uid = await writer.start()
    await writer.append((await writer.claim(uid)).claim, b"1")
    await store.close()
    store = SqliteStore.open(path)
    writer.store, writer.journal = store, store.journal
    assert len((await writer.load()).jobs) == 1 and await writer.data(uid) == [b"1"]
    await store.close()


async def test_a_failed_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "agents.db"
    await SqliteStore.open(path).close()
    now = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", now + 1)
    monkeypatch.setattr(schema, "MIGRATIONS", {now: "CREATE TABLE one(x); CREATE TABLE head(x);"})
    assert problem(path).code == "data-unusable"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (now,)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name='one'").fetchone() == (0,)
    connection.close()


async def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine(x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert problem(path).code == "foreign-data"
    assert path.read_bytes() == before
    text = tmp_path / "notes.txt"
    text.write_text("not a database " * 100)
    assert problem(text).code == "data-unusable"
    assert problem(tmp_path).code == "data-unusable"


@pytest.mark.parametrize(("before", "after"), [(1000, 50), (50, 1000)])
async def test_the_log_limit_may_change(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "agents.db"
    store = SqliteStore.open(path, before)
    writer = CommitWriter(store, "limit")
    for _ in range(30):
        await writer.write(state=STATE, log=writer.entries(*"abcde"))
    await store.close()
    store = writer.store = SqliteStore.open(path, after)
    keep = min(before, after, 150)
    log, first = await store.log(writer.address, 0, frozenset(), 5000)
    assert [e.seq for e in log] == list(range(150 - len(log) + 1, 151)) and first == log[0].seq
    assert keep <= len(log) <= keep + 64
    await writer.write(log=writer.entries(*"ab"))
    log, _ = await store.log(writer.address, 0, frozenset(), 5000)
    assert [e.seq for e in log] == list(range(log[0].seq, 153))
    await store.close()
