"""A load that is broken off leaves nothing half awake."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Address, Agent, App, Trigger, action
from roost.contract.commit import Snapshot
from roost.contract.errors import TransientError
from roost.contract.trigger import Call
from roost.engine.runtime import Runtime
from roost.hosting.memory import MemoryStore
from roost.hosting.timers import Timers
from roost.ports import Capabilities, Ports
from roost.testing.clock import VirtualHost

pytestmark = pytest.mark.anyio
AT = Address("lamp", "a")


class Light(BaseModel):
    on: bool = False


class Lamp(Agent[Light]):
    kind = "lamp"

    @action
    async def switch(self) -> bool:
        self.state.on = not self.state.on
        self.schedule("off", 60.0, self.switch)
        return self.state.on

    @action(readonly=True)
    async def look(self) -> bool:
        return self.state.on


class BusyStore(MemoryStore):
    """Its `arm` fails once, when told to."""

    breaks = False

    async def arm(self, address: Address, at: float | None) -> None:
        if self.breaks:
            self.breaks = False
            raise TransientError("the disk is busy")
        await super().arm(address, at)


def runtime_over(store: MemoryStore) -> tuple[Runtime, VirtualHost]:
    host = VirtualHost()
    nobody: Any = object()
    timers = Timers(store, host)
    runtime = Runtime(App([Lamp]), Ports(store, nobody, nobody, timers, host, nobody), Capabilities("test"))
    timers.runtime = runtime
    return runtime, host


def asked(runtime: Runtime, what: str) -> asyncio.Task[Any]:
    return asyncio.ensure_future(runtime.dispatch(AT, Trigger("call", Call(what))))


async def test_a_load_that_could_not_set_the_columns_right_is_made_again() -> None:
    store = BusyStore()
    runtime, host = runtime_over(store)
    asked(runtime, "switch")
    await host.settle()
    await runtime.hibernate(AT)
    await store.arm(AT, None)  # as the quarantine of an older version left it
    store.breaks = True
    refused = asked(runtime, "look")
    await host.settle()
    with pytest.raises(TransientError):
        (await refused).get()
    found = asked(runtime, "look")
    await host.settle()
    assert (await found).get() is True
    snapshot = await store.load(AT)
    assert isinstance(snapshot, Snapshot) and snapshot.armed == snapshot.due is not None
