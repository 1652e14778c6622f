"""A data file that is deleted, replaced or damaged under a server takes no write to lose, and says so once."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from roost.contract.commit import Put
from roost.contract.errors import TransientError
from roost_conformance.ports.commit_writer import STATE, CommitWriter
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "data" / "agents.db")
    yield store
    await store.close()


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").rename(path)


def log_deleted(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


def folder_deleted(path: Path) -> None:
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("lose", [deleted, replaced, log_deleted, folder_deleted])
async def test_a_file_that_is_gone_takes_no_write(
    store: SqliteStore, lose: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    writer = CommitWriter(store, "gone")
    await writer.write(state=STATE)
    await writer.write(kv=(Put("a", b"1"),))
    assert store.file.trouble is None
    with caplog.at_level(logging.ERROR, "roost"):
        lose(store.path)
        for _ in range(3):
            with pytest.raises(TransientError, match="deleted or replaced") as refused:
                await writer.write(kv=(Put("b", b"1"),))
            assert refused.value.code == "data-gone" and refused.value.status == 503
    assert len(caplog.records) == 1, "it is said once"
    assert store.file.trouble is not None and str(store.path) not in store.file.trouble, "callers read where it is"
    assert str(store.path) in caplog.text


async def test_a_damaged_page_is_said_once_and_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "agents.db"
    store = SqliteStore.open(path)
    writer = CommitWriter(store, "damaged")
    for i in range(40):
        await writer.write(state=b"1", kv=tuple(Put(f"k{i}.{n}", b"x" * 3000) for n in range(20)))
    await store.close()
    connection = sqlite3.connect(path)
    roots = connection.execute("SELECT rootpage FROM sqlite_master WHERE rootpage>1").fetchall()
    connection.close()
    raw = bytearray(path.read_bytes())
    for (page,) in roots:  # the file's own list of tables stays whole, so that it opens
        raw[(page - 1) * 4096 : (page - 1) * 4096 + 64] = b"\xff" * 64
    path.write_bytes(raw)
    with caplog.at_level(logging.ERROR, "roost"):
        store = SqliteStore.open(path)
        for _ in range(3):
            with pytest.raises(TransientError, match="damaged") as refused:
                await store.load(writer.address)
            assert refused.value.code == "data-damaged" and refused.value.status == 503
    assert len(caplog.records) == 1 and store.file.trouble is not None
    await store.close()
