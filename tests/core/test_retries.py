"""What can't wake is tried again ever less often; whoever calls meanwhile is told at once, and nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, Caller, Trigger, action, resource
from roost.contract.errors import AgentError, RoostError, TransientError
from roost.contract.trigger import Call
from roost.engine.retries import FIRST, LONGEST, Retries
from roost.hosting.memory import MemoryStore
from roost.hosting.resident import Resident
from roost.ports import Capabilities
from roost.testing.clock import VirtualHost
from roost.testing.faults import Faults
from tests.core.rig import NotedWire
from tests.simulation.sqlite import SimulatedSqlite, data

pytestmark = pytest.mark.anyio
A, B = Address("stubborn", "a"), Address("leaning", "b")
PAUSES = [0, 5, 10, 20, 40, 80, 160, 300, 300, 300]


class Trouble:
    """What the agents under test stumble over."""

    on = True
    tries: ClassVar[list[float]] = []
    host: VirtualHost

    @classmethod
    def strike(cls) -> None:
        cls.tries.append(cls.host.monotonic())
        if cls.on:
            raise RuntimeError("no")


class Log(BaseModel):
    lines: list[str] = []


class Stubborn(Agent[Log]):
    kind = "stubborn"

    async def on_start(self) -> None:
        Trouble.strike()

    @action
    async def note(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)


@resource
async def shaky() -> AsyncIterator[int]:
    Trouble.strike()
    yield 1


class Leaning(Agent[Log]):
    kind = "leaning"
    dependence = shaky

    @action
    async def note(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @action
    async def remind(self, seconds: float) -> None:
        self.schedule("r", seconds, self.note, "rang")


class World:
    def __init__(self, store: Any) -> None:
        self.host = Trouble.host = VirtualHost()
        nobody: Any = object()
        app = App([Stubborn, Leaning])
        self.backend = Resident(app, store, NotedWire(), nobody, self.host, Capabilities("test"))
        self.runtime, self.store = self.backend.runtime, store
        self.backend.start()

    async def tell(self, at: Address, line: str) -> None:
        await self.runtime.tell(at, Call("note", (line,)), caller=Caller("me"))

    async def call(self, at: Address, name: str, *args: object) -> Any:
        return (await self.runtime.dispatch(at, Trigger("call", Call(name, args)))).get()

    async def lines(self, at: Address) -> list[str]:
        return Log.model_validate_json((await self.store.load(at)).state or b"{}").lines

    async def nap(self, seconds: float) -> list[float]:
        """When it was tried meanwhile, as pauses."""
        begin, found = Trouble.host.monotonic(), Trouble.tries
        found.clear()
        await self.host.advance(seconds)
        times = sorted(set(found))  # once for each letter that waits
        return [later - before for before, later in zip([begin, *times], times, strict=False)]


def fresh() -> World:
    """Over the store in memory."""
    Trouble.on = True
    return World(MemoryStore())


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    with ExitStack() as stack:
        Trouble.on = True
        if request.param == "memory":
            world = fresh()
        else:
            store = SimulatedSqlite(stack.enter_context(data()), 1000, Faults(on=False))
            stack.callback(store.drop)
            world = World(store)
        yield world
        world.backend.halt()
        await world.host.kill()


async def test_an_on_start_that_fails_is_tried_ever_less_often(world: World) -> None:
    for line in ("x", "y", "z"):
        await world.tell(A, line)
    await world.host.advance(1.0)
    Trouble.tries.clear()
    pauses = await world.nap(1300.0)
    assert pauses[1:] == pytest.approx(PAUSES[2:10], abs=0.5)
    Trouble.tries.clear()
    with pytest.raises(AgentError):
        await world.call(A, "note", "now")
    assert set(Trouble.tries) == {world.host.monotonic()}, "a caller is told at once"
    pauses = [pause for pause in await world.nap(3 * LONGEST) if pause > 0]
    assert 2 <= len(pauses) <= 3, f"a caller began the pauses anew, or they stopped: {pauses}"
    Trouble.on = False
    await world.host.advance(LONGEST + 1)
    assert await world.lines(A) == ["x", "y", "z"]
    Trouble.tries.clear()
    await world.host.advance(2 * LONGEST)
    assert not Trouble.tries


async def test_a_call_that_succeeds_takes_the_letters_along(world: World) -> None:
    await world.tell(A, "x")
    await world.host.advance(400.0)
    Trouble.on = False
    assert await world.call(A, "note", "y") == 1
    await world.host.advance(0.0)
    assert await world.lines(A) == ["y", "x"], "the letter waits on"
    Trouble.tries.clear()
    await world.host.advance(2 * LONGEST)
    assert not Trouble.tries


async def test_a_resource_that_can_not_be_opened_is_tried_ever_less_often(world: World) -> None:
    Trouble.on = False
    await world.call(B, "remind", 60.0)
    await world.runtime.hibernate(B)
    await world.runtime.resources.close()
    Trouble.on = True
    await world.tell(B, "x")
    pauses = await world.nap(2000.0)
    assert 8 <= len(pauses) <= 13, pauses
    assert pauses[-1] == pytest.approx(LONGEST, abs=0.5)
    with pytest.raises(RoostError):
        await world.call(B, "note", "now")
    Trouble.on = False
    await world.host.advance(LONGEST + 1)
    assert sorted(await world.lines(B)) == ["rang", "x"]


async def test_a_store_that_comes_back_is_found_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Trouble.on = False
    await world.call(A, "note", "x")
    await world.runtime.hibernate(A)

    async def fails(*_: object) -> None:
        raise TransientError("injected", code="storage")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "load", fails)
        world.runtime.rouse(A)
        await world.host.advance(12.0)
    await world.tell(A, "y")
    await world.host.advance(0.0)
    assert await world.lines(A) == ["x", "y"]


def test_pauses_grow_to_their_bound_and_are_forgotten() -> None:
    retries, now = Retries(), 1000.0
    for pause in PAUSES[1:]:
        assert retries.failed(A, now) == pause
        assert retries.failed(A, now + 1) == pause - 1, "within a pause it stands"
        now += pause
    assert retries.failed(B, now) == FIRST
    retries.over(A)
    assert retries.failed(A, now) == FIRST
    for n in range(20_000):
        retries.failed(Address("k", str(n)), now)
    assert len(retries._pauses) <= 10_000  # pyright: ignore[reportPrivateUsage]
