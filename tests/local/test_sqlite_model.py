"""The local store against the reference: the same random life of a few agents, the same answers, the same rows."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from roost.contract.commit import Commit, DeadLetter, Entry, Gone, Put, Row, Snapshot, Unschedule
from roost.contract.errors import RoostError
from roost.hosting.memory import MemoryStore
from roost.ports import Store
from roost_conformance.ports.commit_writer import CommitWriter, envelope, everything, handled, letter, schedule
from roost_local.store import SqliteStore

pytestmark = pytest.mark.anyio
LOG = 20
ARGUMENTS = [b'{"args":[1],"kwargs":{}}', b'{"kwargs":{},"args":[1]}', b'{"args":[2],"kwargs":{}}']


class Life:
    """One agent's next step, drawn from a seed; both stores get the same."""

    def __init__(self, rng: random.Random, writer: CommitWriter) -> None:
        self.rng = rng
        self.writer = writer

    def some(self, share: float) -> bool:
        return self.rng.random() < share

    def name(self) -> str:
        return self.rng.choice(["a", "b", "c", "d%", "\U0001f600"])

    def commit(self) -> Commit:
        rng, writer = self.rng, self.writer
        commit = writer.draft(
            at=writer.at + rng.choice([0.5, 1.0, 40.0]), sgen=rng.randrange(9), released=writer.version
        )
        commit.next_due, commit.armed = rng.choice([None, 5.0, 7.5]), rng.choice([None, 2.25, 5.0])
        commit.state = rng.choice([None, b"1", b"x" * rng.randrange(9000)])
        if self.some(0.4):
            commit.handled = handled(
                self.name(), b"%d" % rng.randrange(99), expires=commit.at + 60.0, principal=rng.choice(["", "me"])
            )
        if self.some(0.3):
            keys = {self.name() for _ in range(3)}
            commit.kv = tuple(Put(k, rng.choice([None, b"1", b"y" * rng.randrange(6000)])) for k in sorted(keys))
        if self.some(0.3):
            keys = {self.name() for _ in range(2)}
            commit.schedules = tuple(
                Unschedule(k) if self.some(0.5) else schedule(k, rng.random(), gen=rng.randrange(9))
                for k in sorted(keys)
            )
        if self.some(0.3):
            count = rng.choice([1, 3, 30])
            commit.log = tuple(Entry(writer.seq + i, self.name(), b"%d" % i, commit.at) for i in range(1, count + 1))
            commit.seq = writer.seq + count
        if self.some(0.3):
            commit.outbox = tuple(envelope(f"{writer.version}.{i}", writer.address) for i in range(rng.randrange(4)))
        if self.some(0.3):
            cid = self.name()
            commit.connections = (Gone(cid) if self.some(0.5) else Row(cid, "l", rng.random(), attachment=b"z"),)
        if self.some(0.2):
            commit.dead = tuple(DeadLetter(letter(self.name(), attempts=3), b"{}", commit.at) for _ in range(2))
        if self.some(0.3):
            commit.consumed = rng.randrange(1, 30)
        elif self.some(0.2):
            commit.deferred = letter(self.name(), n=rng.randrange(1, 30))
        if self.some(0.1):
            commit.base += rng.choice([-1, 1])
        if self.some(0.05):
            commit.generation += rng.choice([-1, 1])
        if self.some(0.05):
            commit.destroy = True
        elif self.some(0.03):
            commit.restored, commit.version = True, commit.base + 10
        return commit

    def step(self) -> Callable[[Store], Awaitable[Any]]:
        rng, address = self.rng, self.writer.address
        match rng.choices(["commit", "park", "settle", "arm", "redrive"], [8, 3, 1, 1, 1])[0]:
            case "commit":
                commit = self.commit()
                return lambda store: store.commit(commit)
            case "park":
                args = rng.choice(ARGUMENTS)
                one = letter(self.name(), args=args, next=rng.choice([0.0, 3.5]), keyed=self.some(0.8))
                armed, limit = rng.random() * 9, rng.choice([5, 9])
                return lambda store: store.park(address, one, limit, armed)
            case "settle":
                ids = [f"{self.writer.version - 1}.{i}" for i in range(2)]
                at = rng.choice([None, 4.5])
                return lambda store: store.settle(address, ids, at)
            case "arm":
                at = rng.choice([None, 1.5])
                return lambda store: store.arm(address, at)
            case _:
                id = rng.choice([None, self.name()])
                return lambda store: store.redrive(address, id)


async def answer(work: Awaitable[Any]) -> Any:
    try:
        return await work
    except RoostError as error:
        return type(error), error.code, error.message


@pytest.mark.parametrize("seed", range(12))
async def test_same_as_the_reference(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    reference, store = MemoryStore(LOG), SqliteStore.open(tmp_path / "agents.db", LOG)
    lives = [Life(rng, CommitWriter(reference, "model", key)) for key in ("a", "b", "\U0001f600")]
    try:
        for n in range(250):
            life = rng.choice(lives)
            writer, step = life.writer, life.step()
            wanted, got = await answer(step(reference)), await answer(step(store))
            assert got == wanted, (seed, n)
            now = await writer.load()
            writer.version, writer.generation, writer.seq, writer.at = (
                now.version,
                now.generation,
                now.seq,
                max(writer.at, now.at),
            )
            if n % 5 == 0 or n > 240:
                for one in lives:
                    address = one.writer.address
                    assert await everything(store, address) == await everything(reference, address), (seed, n)
                    for id in ("a", "b", "d%"):
                        row = await reference.outcome(address, "client", "me", id)
                        if row is not None and row.expires > one.writer.at:
                            assert await store.outcome(address, "client", "me", id) == row
                    for prefix in ("", "a", "d"):
                        assert await store.scan(address, prefix, "", 9) == await reference.scan(address, prefix, "", 9)
                assert await store.list(None, "", None, 2) == await reference.list(None, "", None, 2)
                assert sorted(store.due(6.0, 9)) == sorted(reference.due(6.0, 9))
                addresses = [one.writer.address for one in lives]
                ahead, loads = store.ahead(addresses), [await store.load(a) for a in addresses]
                assert [ahead.get(a, Snapshot(a)) for a in addresses] == loads, (seed, n)
                assert store.next_armed(2.5) == reference.next_armed(2.5)
                assert store.unfinished(2) == reference.unfinished(2)
                assert store.unfinished(9, lives[0].writer.address) == reference.unfinished(9, lives[0].writer.address)
    finally:
        await store.close()
