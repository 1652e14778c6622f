"""An envelope costs at most its own receiver's line: order is kept there, others go on, refusals are buried once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from roost import Address, Agent, App, Trigger, action
from roost.contract.commit import Envelope, Snapshot
from roost.contract.errors import LimitExceeded, NotFound, TransientError
from roost.contract.trigger import Call
from roost.engine.runtime import Runtime
from roost.hosting.memory import MemoryStore
from roost.hosting.timers import Timers
from roost.ports import Capabilities, Ports
from roost.testing.clock import VirtualHost

pytestmark = pytest.mark.anyio
AT = Address("crier", "a")


class Crier(Agent):
    @action
    async def cry(self, to: list[str], text: str) -> None:
        for key in to:
            self.tell(self.agent(Crier, key).hear, text)

    @action
    async def hear(self, text: str) -> None: ...


class Post:
    """Fills Courier: `shut` says what becomes of an envelope; None = it is taken."""

    def __init__(self) -> None:
        self.shut: Callable[[Envelope], BaseException | None] = lambda _: None
        self.took: list[str] = []
        self.tried = 0

    async def deliver(self, envelope: Envelope) -> None:
        self.tried += 1
        error = self.shut(envelope)
        if error is not None:
            raise error
        self.took.append(f"{envelope.to.key}:{envelope.args.decode().split(chr(34))[3]}")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not called here")


class World:
    def __init__(self) -> None:
        self.host, self.store, self.post = VirtualHost(), MemoryStore(), Post()
        self.start()

    def start(self) -> None:
        post: Any = self.post
        self.timers = Timers(self.store, self.host)
        ports = Ports(self.store, post, post, self.timers, self.host, post)
        self.timers.runtime = self.runtime = Runtime(App([Crier]), ports, Capabilities("test"))
        self.timers.start()

    def stop(self) -> None:
        self.timers.stop()
        self.runtime.halt()

    async def cry(self, to: str, text: str) -> None:
        task = asyncio.ensure_future(self.runtime.dispatch(AT, Trigger("call", Call("cry", (list(to), text)))))
        await self.host.settle()
        (await task).get()

    async def stored(self) -> Snapshot:
        found = await self.store.load(AT)
        assert isinstance(found, Snapshot)
        return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    world.stop()


async def test_who_is_not_reached_keeps_nobody_else_waiting_and_its_own_order(world: World) -> None:
    world.post.shut = lambda x: TransientError("not reached") if x.to.key == "b" else None
    await world.cry("bcb", "1")
    await world.cry("bd", "2")
    await world.host.advance(3)
    await world.cry("bc", "3")
    assert world.post.took == ["c:1", "d:2", "c:3"]
    world.post.shut = lambda _: None
    await world.host.advance(31)
    assert world.post.took[3:] == ["b:1", "b:1", "b:2", "b:3"]
    assert not (await world.stored()).outbox


async def test_a_full_mailbox_is_waited_for(world: World) -> None:
    world.post.shut = lambda x: LimitExceeded("full", limit="mailbox") if x.to.key == "b" else None
    await world.cry("bc", "1")
    await world.host.advance(60)
    assert world.post.took == ["c:1"] and (await world.stored()).dead == 0
    world.post.shut = lambda _: None
    await world.host.advance(31)
    assert world.post.took == ["c:1", "b:1"]


@pytest.mark.parametrize("error", [NotFound("no such kind"), LimitExceeded("long", limit="key"), ValueError("bytes")])
async def test_what_is_refused_for_good_is_a_dead_letter_of_its_sender(world: World, error: Exception) -> None:
    world.post.shut = lambda x: error if x.to.key == "b" else None
    await world.cry("bcb", "1")
    await world.host.advance(1)
    assert world.post.took == ["c:1"] and world.post.tried == 3, "it was tried again"
    assert not (await world.stored()).outbox
    first, _ = dead = await world.runtime.dead_letters(AT)
    assert (first["to"], first["action"], first["arguments"]) == ("crier/b", "hear", {"args": ["1"], "kwargs": {}})
    assert first["error"]["code"] and len(dead) == 2
    world.post.shut = lambda _: None
    again = asyncio.ensure_future(world.runtime.redrive(AT, first["id"]))
    await world.host.settle()
    assert await again == 1
    await world.host.advance(1)
    assert world.post.took == ["c:1", "b:1"], "redriven, it is sent again"
    assert (await world.stored()).dead == 1


async def test_it_is_buried_once_though_its_host_dies_before_it_leaves_the_outbox(world: World) -> None:
    world.post.shut = lambda _: NotFound("no such kind")
    store: Any = world.store
    settle = store.settle

    async def never(*_: Any) -> None:
        raise TransientError("the disk is busy")

    store.settle = never
    await world.cry("b", "1")
    await world.host.advance(1)
    assert (await world.stored()).dead == 1 and len((await world.stored()).outbox) == 1
    world.stop()
    store.settle = settle
    world.start()
    await world.host.advance(6)
    found = await world.stored()
    assert found.dead == 1 and not found.outbox


async def test_a_defect_of_the_courier_does_not_end_the_line(world: World) -> None:
    world.post.shut = lambda x: RuntimeError("a defect") if x.to.key == "b" else None
    await world.cry("bc", "1")
    await world.host.advance(2)
    world.post.shut = lambda _: None
    await world.host.advance(31)
    assert world.post.took == ["c:1", "b:1"]


async def test_an_outbox_row_that_cannot_be_read_costs_itself(world: World) -> None:
    await world.cry("b", "1")
    await world.host.advance(1)
    rows = world.store._agents[AT]  # pyright: ignore[reportPrivateUsage]
    one = Envelope("crier/a/1/9.1", Address("", ""), "hear", b"\xff", AT)
    rows.outbox = {one.id: one, "x": replace(one, id="x", to=Address("crier", "b"), args=b'{"args":["2"]}')}
    rows.armed = world.host.now() + 1
    world.post.shut = lambda x: NotFound("no such kind") if not x.to.kind else None
    await world.runtime.hibernate(AT)
    world.runtime.rouse(AT)
    await world.host.advance(2)
    assert world.post.took == ["b:1", "b:2"] and (await world.stored()).dead == 1
