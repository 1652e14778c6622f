"""What a quarantine leaves undone, what it does not, and what a deploy that ends it owes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from roost import Address, Agent, App, Trigger, action
from roost.contract.commit import Envelope, Snapshot
from roost.contract.errors import TransientError
from roost.contract.trigger import Call
from roost.engine.quarantine import REVISIT
from roost.engine.runtime import Runtime
from roost.hosting.memory import MemoryStore
from roost.hosting.timers import Timers
from roost.ports import Capabilities, Ports
from roost.testing.clock import VirtualHost

pytestmark = pytest.mark.anyio
AT = Address("milk", "a")


class Lenient(BaseModel):
    litres: int = 0


class Strict(BaseModel):
    litres: int = 0

    @field_validator("litres")
    @classmethod
    def fits(cls, litres: int) -> int:
        if litres > 1:
            raise ValueError("too much")
        return litres


class Milk(Agent[Lenient]):
    kind = "milk"

    @action
    async def remind(self, seconds: float) -> None:
        self.state.litres = 2
        self.schedule("reminder", seconds, self.ring)

    @action
    async def pour(self, to: str) -> None:
        self.state.litres = 2
        self.tell(self.agent(Milk, to).remind, 1.0)

    @action(readonly=True)
    async def peek(self) -> int:
        return self.state.litres

    async def ring(self) -> None:
        self.state.litres = 1


class SourMilk(Agent[Strict]):
    """The same agent in a deploy that can't read what is stored."""

    kind = "milk"

    @action
    async def remind(self, seconds: float) -> None: ...

    @action(readonly=True)
    async def peek(self) -> int:
        return self.state.litres

    async def ring(self) -> None: ...


class Post:
    """Fills Courier, and notes what it took; Wire and Fetch are not reached."""

    def __init__(self) -> None:
        self.shut = False
        self.took: list[Envelope] = []

    async def deliver(self, envelope: Envelope) -> None:
        if self.shut:
            raise TransientError("the receiver is not reached")
        self.took.append(envelope)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not called here")


class World:
    """One deploy after the other over one store."""

    def __init__(self) -> None:
        self.host, self.store = VirtualHost(), MemoryStore()

    def deploy(self, cls: type[Agent[Any]]) -> None:
        self.stop()
        self.post = Post()  # that of the last deploy stays as it is: its process is gone
        post: Any = self.post
        self.timers = timers = Timers(self.store, self.host)
        ports = Ports(self.store, post, post, timers, self.host, post)
        timers.runtime = self.runtime = Runtime(App([cls]), ports, Capabilities("test"))
        timers.start()

    def stop(self) -> None:
        if hasattr(self, "timers"):
            self.timers.stop()
            self.runtime.halt()

    async def call(self, action: str, *args: Any) -> Any:
        task = asyncio.ensure_future(self.runtime.dispatch(AT, Trigger("call", Call(action, args))))
        await self.host.settle()
        result = await task
        return result.error.code if result.error is not None else result.get()

    async def stored(self) -> Snapshot:
        found = await self.store.load(AT)
        assert isinstance(found, Snapshot)
        return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    world.stop()


async def test_a_deploy_that_reads_the_state_again_arms_its_schedules(world: World) -> None:
    world.deploy(Milk)
    await world.call("remind", 60.0)
    world.deploy(SourMilk)
    assert await world.call("peek") == "quarantined"
    assert (await world.stored()).armed == pytest.approx(world.host.now() + REVISIT, abs=1.0)
    world.deploy(Milk)
    assert await world.call("peek") == 2
    await world.host.advance(61)
    assert await world.call("peek") == 1, "its schedule was not armed again"


async def test_nobody_need_call_after_such_a_deploy(world: World) -> None:
    world.deploy(Milk)
    await world.call("remind", 60.0)
    world.deploy(SourMilk)
    await world.host.advance(61)
    assert (await world.stored()).version == 1, "it rang in quarantine"
    world.deploy(Milk)
    await world.host.advance(REVISIT)
    assert (await world.stored()).version == 2, "what was overdue did not run"


async def test_it_is_looked_at_again_as_long_as_it_lasts(world: World) -> None:
    world.deploy(Milk)
    await world.call("remind", 60.0)
    world.deploy(SourMilk)
    for _ in range(3):
        await world.host.advance(REVISIT + 1)
        armed = (await world.stored()).armed
        assert armed is not None and armed > world.host.now()


async def test_a_letter_wakes_nobody_for_long(world: World) -> None:
    """The letter waits; the timers do not come back for it every few seconds."""
    world.deploy(Milk)
    await world.call("remind", 60.0)
    world.deploy(SourMilk)
    assert await world.call("peek") == "quarantined"
    letter = Envelope("x/1/1.1", AT, "remind", b'{"args":[5.0],"kwargs":{}}', Address("milk", "x"))
    await world.runtime.accept(letter)
    await world.host.advance(6)
    found = await world.stored()
    assert found.waiting == 1 and found.armed is not None and found.armed > world.host.now() + REVISIT - 60
    world.deploy(Milk)
    await world.host.advance(6)
    assert (await world.stored()).waiting == 0, "the letter did not run after the deploy"


async def test_what_it_had_sent_is_delivered(world: World) -> None:
    world.deploy(Milk)
    world.post.shut = True
    await world.call("pour", "b")
    world.deploy(SourMilk)
    assert await world.call("peek") == "quarantined"
    await world.host.advance(6)
    assert [one.to for one in world.post.took] == [Address("milk", "b")]
    found = await world.stored()
    assert not found.outbox and found.armed is None, "nothing is owed any more"
