"""What a deploy that ends a quarantine owes: nobody calls `migrate` where the new code simply reads the state."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, field_validator

from roost import Address, Agent, App, Trigger, action
from roost.memory import MemoryStore
from roost.ports import Capabilities, Ports
from roost.runtime import Runtime
from roost.testing.clock import VirtualHost
from roost.timers import Timers
from roost.trigger import Call

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

    @action(readonly=True)
    async def peek(self) -> int:
        return self.state.litres

    async def ring(self) -> None:
        self.state.litres = 1


class SourMilk(Agent[Strict]):
    """The same agent in a deploy that can't read what is stored."""

    kind = "milk"

    @action(readonly=True)
    async def peek(self) -> int:
        return self.state.litres

    async def ring(self) -> None: ...


class Nobody:
    """Fills Courier, Wire and Fetch where nobody is reached."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not called here")


async def test_a_deploy_that_reads_the_state_again_arms_its_schedules() -> None:
    host, store = VirtualHost(), MemoryStore()
    nobody: Any = Nobody()

    def deploy(cls: type[Agent[Any]]) -> tuple[Runtime, Timers]:
        timers = Timers(store, host)
        ports = Ports(store, nobody, nobody, timers, host, nobody)
        timers.runtime = runtime = Runtime(App([cls]), ports, Capabilities("test"))
        timers.start()
        return runtime, timers

    async def call(runtime: Runtime, action: str, *args: Any) -> Any:
        task = asyncio.ensure_future(runtime.dispatch(AT, Trigger("call", Call(action, args))))
        await host.settle()
        result = await task
        return result.error.code if result.error is not None else result.get()

    runtime, timers = deploy(Milk)
    await call(runtime, "remind", 60.0)
    timers.stop()
    runtime, timers = deploy(SourMilk)
    assert await call(runtime, "peek") == "quarantined"
    assert (await store.load(AT)).armed is None  # type: ignore[union-attr]  # nobody else has it
    timers.stop()
    runtime, timers = deploy(Milk)
    assert await call(runtime, "peek") == 2
    await host.advance(61)
    assert await call(runtime, "peek") == 1, "its schedule was not armed again"
    timers.stop()
