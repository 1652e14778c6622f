"""What was acknowledged survives a kill; a torn write-ahead log keeps a prefix of what happened, each commit whole."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost.contract.address import Address
from roost.ports import Store
from roost_conformance.ports.commit_writer import everything
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio
AGENTS = 8

CHILD = """
import asyncio, os, sys
from roost.contract.commit import Commit, Entry, Put
from roost.errors import RoostError
from roost_conformance.ports.commit_writer import CommitWriter, envelope, handled, letter
from roost_local.store import SqliteStore

async def write(writer, version):
    n = b"%d" % version
    await writer.write(
        state=n + b" " * (version % 5000), kv=(Put("k", n),), handled=handled(f"id-{version}", n),
        log=(Entry(version, "a", n, 1.0),), outbox=(envelope(f"e-{version}", writer.address),),
    )
    os.write(1, f"{writer.address.key} {version}\\n".encode())

async def main():
    store = SqliteStore.open(sys.argv[1], 1_000_000)
    pens = [CommitWriter(store, "crash", f"k{n}") for n in range(int(sys.argv[2]))]
    for writer in pens:
        found = await writer.load()
        writer.version, writer.seq, writer.at = found.version, found.seq, max(found.at, writer.at)
    version = max(writer.version for writer in pens)
    for writer in pens:  # level them: the last round may have been cut
        while writer.version < version:
            await write(writer, writer.version + 1)
    while True:
        version += 1
        await asyncio.gather(*(write(writer, version) for writer in pens))

asyncio.run(main())
"""


def acknowledged(path: Path, lines: int) -> dict[str, int]:
    """Run the child until it has acknowledged `lines` commits, kill it, and tell the last of each agent."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CHILD, str(path), str(AGENTS)]
    last: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        for n, line in enumerate(child.stdout, 1):
            if n == lines:
                child.kill()
            key, version = line.split()
            last[key] = int(version)
    assert len(last) == AGENTS and child.returncode == -9
    return last


async def versions(store: Store) -> list[int]:
    """Each agent's version; every trace of its commits says the same one."""
    found: list[int] = []
    for n in range(AGENTS):
        address = Address("port-crash", f"k{n}")
        one = await everything(store, address)
        version = one.snapshot.version
        found.append(version)
        if version == 0:
            assert not one.snapshot.exists and one.kv == () and one.log == ()
            continue
        text = b"%d" % version
        assert one.snapshot.state is not None and one.snapshot.state.strip() == text and one.kv == (("k", text),)
        assert one.snapshot.seq == version and len(one.snapshot.outbox) == version
        log, _ = await store.log(address, version - 3, frozenset(), 100)
        assert log[-1].seq == version and log[-1].data == text
        outcome = await store.outcome(address, "client", "me", f"id-{version}")
        assert outcome is not None and outcome.value == text
        assert await store.outcome(address, "client", "me", f"id-{version + 1}") is None
    return found


async def test_a_killed_process_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "agents.db"
    for lines in (40, 300, 77):
        last = acknowledged(path, lines)
        store = SqliteStore.open(path, 1_000_000)
        found = await versions(store)
        await store.close()
        for n, version in enumerate(found):
            assert version >= last[f"k{n}"], (lines, n)


def torn(path: Path, target: Path, seed: int) -> Iterator[Path]:
    """Copies of a killed process's file, the log cut at a random byte, or one of its bytes changed."""
    rng = random.Random(seed)
    wal = path.with_name(path.name + "-wal").read_bytes()
    assert len(wal) > 100_000
    for n in range(12):
        copy = target / f"torn-{n}.db"
        shutil.copy(path, copy)
        at = rng.randrange(len(wal))
        damaged = wal[:at] if n % 2 else wal[:at] + bytes([wal[at] ^ 0x40]) + wal[at + 1 :]
        copy.with_name(copy.name + "-wal").write_bytes(damaged)
        yield copy


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_torn_log_keeps_a_prefix(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "agents.db"
    acknowledged(path, 200)
    whole = 0
    for copy in torn(path, tmp_path, seed):
        try:
            store = SqliteStore.open(copy, 1_000_000)
        except Exception as error:  # name the copy
            raise AssertionError(f"{copy} does not open") from error
        found = await versions(store)
        assert max(found) - min(found) <= 1, found  # no round before the one ahead of it was whole
        whole += min(found) > 0
        await store.close()
        connection = sqlite3.connect(copy)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    assert whole
