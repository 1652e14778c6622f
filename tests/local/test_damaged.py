"""A row that somebody has edited costs itself: a dead letter, or an agent that says why, never others or the start.

The damages are made from the schema: each column of each table, in turn, gets what it should not hold.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, Trigger, action
from roost.contract.commit import Commit, DeadLetter, Entry, Envelope, Handled, Letter, Put, Row, Schedule
from roost.contract.errors import RoostError
from roost.contract.trigger import NOTHING, Call
from roost.hosting.resident import Resident
from roost.ports import Capabilities
from roost.testing.clock import EPOCH, VirtualHost
from roost.testing.faults import Faults
from roost_local.schema import TABLES
from tests.core.rig import NotedWire
from tests.simulation.sqlite import SimulatedSqlite, blank

pytestmark = pytest.mark.anyio


class Count(BaseModel):
    n: int = 0


class Box(Agent[Count]):
    kind = "box"

    @action
    async def add(self, by: int) -> int:
        self.state.n += by
        self.record("added", by)
        return self.state.n

    @action
    async def look(self) -> int:
        return len([key async for key, _ in self.kv.scan(int)])

    async def ring(self) -> None:
        self.state.n += 100


HERE, NEXT, NEW = Address("box", "a"), Address("box", "b"), Address("box", "c")
ARGS: Final = b'{"args":[],"kwargs":{}}'
ONE: Final = b'{"args":[1],"kwargs":{}}'
SPEC: Final = b'{"kind":"every","ms":3600000}'
WRONG: Final = {
    "INTEGER": ("NULL", "'soon'", "x'ff00'", "9e999"),
    "REAL": ("NULL", "'soon'", "x'ff00'", "9e999"),
    "TEXT": ("NULL", "'soon'", "x'ff00'", "CAST(x'ff41' AS TEXT)"),
    "BLOB": ("NULL", "'soon'", "7", "CAST(x'ff41' AS TEXT)"),
}
"""By the column's type, as SQL."""
TRIES: Final = 4
UNREADABLE: Final = frozenset(
    {"schema", "gen", "fence", "version", "seq", "sgen", "released", "state_version", "waiting", "dead", "ticket"}
)
"""Columns of `head` without which an agent can't go on: it says so."""


def commit(address: Address, **changes: Any) -> Commit:
    out = Commit(address, 1, 0, 1, EPOCH - 100.0, state=b'{"n":1}', seq=1, sgen=2, released=1)
    out.log = (Entry(1, "added", b"1", EPOCH - 100.0),)
    for name, value in changes.items():
        setattr(out, name, value)
    return out


@cache
def whole() -> bytes:
    """A data file with something in every table, of an agent and of its neighbour."""

    async def make(path: Path) -> None:
        store = SimulatedSqlite(path, 1000, Faults(on=False))
        soon = EPOCH + 2.0
        dead = DeadLetter(Letter("d", "client", "me", "add", ONE, attempts=5), b'{"code":"x"}', EPOCH - 100.0)
        for at in (HERE, NEXT):
            one = commit(
                at, kv=(Put("k", b"1"),), next_due=soon, armed=soon, dead=(dead,),
                schedules=(
                    Schedule("s", 1, soon, SPEC, "ring", ARGS), Schedule("t", 2, soon, SPEC, "ring", ARGS, 1, soon),
                ),
                handled=Handled("client", "", "key", b"f" * 16, "value", b"5", EPOCH + 9e4),
                outbox=(Envelope(f"{at}/1/o", NEW, "add", ONE, at),),
                connections=(Row("c", "label", EPOCH - 100.0, "me", b"{}", b"1"),),
            )  # fmt: skip
            await store.commit(one)
            await store.park(at, Letter("m", "client", "me", "add", ONE, claims=b"{}"), 100, soon)
        store.drop()

    with TemporaryDirectory() as folder:
        path = Path(folder) / "whole.db"
        path.write_bytes(blank())
        asyncio.run(make(path))
        file = sqlite3.connect(path)
        file.execute("PRAGMA writable_schema=ON")
        file.execute("UPDATE sqlite_master SET sql=replace(sql,' NOT NULL','')")
        file.execute("PRAGMA writable_schema=RESET")
        file.close()
        return path.read_bytes()


@pytest.fixture(autouse=True, scope="module")
def _file_is_made() -> None:
    whole()


@cache
def columns() -> dict[str, list[tuple[str, str]]]:
    """Table -> [(column, type)], from the schema."""
    file = sqlite3.connect(":memory:")
    file.executescript(TABLES)
    names = "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'job%' ORDER BY name"
    tables = [name for (name,) in file.execute(names)]  # no agent has jobs yet
    found = {table: [(row[1], row[2]) for row in file.execute(f"PRAGMA table_info({table})")] for table in tables}
    file.close()
    return found


SIDES: Final = [table for table in columns() if table != "head"]
DAMAGES: Final = [
    *([("head", column, type)] for column, type in columns()["head"]),
    *(
        [(table, *columns()[table][i]) for table in SIDES if i < len(columns()[table])]
        for i in range(max(len(columns()[table]) for table in SIDES))
    ),
]
"""(table, column, type): those of the head one by one, of the other tables one of each at once."""


def spoil(path: Path, damages: list[tuple[str, str, str]], n: int) -> str:
    """Damage rows of the first agent with the `n`-th value of each type; what was done."""
    for old in path.parent.glob("*"):
        old.unlink()
    path.write_bytes(whole())
    file = sqlite3.connect(path)
    done: list[str] = []
    for table, column, type in damages:
        one = " AND k='s'" if table == "sched" else ""
        try:
            file.execute(f"UPDATE {table} SET {column}={WRONG[type][n]} WHERE aid=1{one}")
        except sqlite3.IntegrityError:
            continue  # a primary key is never NULL
        done.append(f"{table}.{column}={WRONG[type][n]}")
    file.commit()
    file.close()
    return ", ".join(done)


class Wire(NotedWire):
    async def close(self, address: Address, cid: str, code: int, reason: str) -> None: ...


class World:
    """The local server's runtime over the file, on a virtual clock."""

    def __init__(self, path: Path) -> None:
        self.store = SimulatedSqlite(path, 1000, Faults(on=False))
        self.host = VirtualHost()
        fetch: Any = object()
        self.backend = Resident(App([Box]), self.store, Wire(), fetch, self.host, Capabilities("test"))
        self.runtime = self.backend.runtime

    async def call(self, at: Address, name: str, *args: int, id: str | None = None) -> Any:
        return (await self.runtime.dispatch(at, Trigger("call", Call(name, args), id))).get()

    async def admin(self, kind: Any, at: Address = HERE) -> bytes:
        return (await self.runtime.dispatch(at, Trigger(kind, NOTHING, source="admin"))).raw()


@asynccontextmanager
async def served(path: Path) -> AsyncGenerator[World]:
    world = World(path)
    world.backend.start()
    try:
        yield world
    finally:
        world.backend.halt()
        await world.host.kill()
        world.store.drop()


async def named(what: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What it comes to; an error must be one of Roost's. Of a defect the log has a traceback."""
    try:
        return await what()
    except RoostError as error:
        return error


@pytest.mark.parametrize("damages", DAMAGES, ids=lambda x: f"{x[0][0]}-{x[0][1]}")
async def test_a_row_costs_itself(
    damages: list[tuple[str, str, str]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "agents.db"
    for n in range(TRIES):
        about = spoil(path, damages, n)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "roost"):
            async with asyncio.timeout(20), served(path) as world:
                await one_life(world, damages[0][0], damages[0][1], about)
        traces = [x for x in caplog.records if x.exc_info and not isinstance(x.exc_info[1], RoostError)]
        assert not traces, (about, traces[0].getMessage(), traces[0].exc_info)
        assert len(caplog.records) < 60, (about, "it goes on and on", [x.getMessage() for x in caplog.records][:50])


async def test_a_letter_without_its_number_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "agents.db"
    spoil(path, [("mail", "n", "TEXT")], 1)
    with caplog.at_level(logging.WARNING, "roost"):
        async with asyncio.timeout(20), served(path) as world:
            await world.host.advance(3.0)
            for _ in range(3):
                await world.call(HERE, "look")
    said = [x.getMessage() for x in caplog.records if "letters of it" in x.getMessage()]
    assert len(said) == 1 and str(HERE) in said[0], caplog.text


async def one_life(world: World, table: str, column: str, about: str) -> None:
    runtime, host = world.runtime, world.host
    await host.advance(3.0)
    assert (await world.store.load(NEXT)).armed is not None  # type: ignore[union-attr]
    assert await world.call(NEXT, "add", 0) >= 202, f"{about}: a neighbour's schedules or letter did not run"
    assert await world.call(NEW, "add", 0) >= 1, f"{about}: a neighbour's tell did not arrive"
    assert await world.call(Address("box", "fresh"), "add", 1) == 1
    found = await named(lambda: world.call(HERE, "add", 1))
    if table != "head":
        assert isinstance(found, int), f"{about}: the agent does not answer: {found!r}"
    elif column in UNREADABLE and isinstance(found, RoostError):
        assert found.code == "unreadable" and column in found.message, f"{about}: {found!r}"
        assert column in str(await named(lambda: runtime.status(HERE)))
    await named(lambda: world.call(HERE, "add", 1, id="key"))
    await named(lambda: world.call(HERE, "look"))
    for look in (
        lambda: runtime.status(HERE),
        lambda: runtime.view(HERE),
        lambda: runtime.letters(HERE, 0, 100),
        lambda: runtime.dead_letters(HERE),
        lambda: runtime.events(HERE, 0, frozenset(), 100),
        lambda: world.admin("export"),
        lambda: runtime.redrive(HERE, None),
    ):
        await named(look)
    await host.advance(30.0)
    listed = [row.address.key for row in (await runtime.page(None, "", None, 100)).rows]
    assert {"b", "c", "fresh"} <= set(listed), f"{about}: {listed}"
    await host.advance(3700.0)
    await named(lambda: runtime.purge_dead(HERE, None))
    await named(lambda: world.admin("destroy"))
    assert await world.call(NEXT, "add", 0) >= 402, f"{about}: a neighbour's schedules stopped"
    found = await named(lambda: world.call(HERE, "add", 1))
    if table != "head":
        assert found == 1, f"{about}: {found!r}"
