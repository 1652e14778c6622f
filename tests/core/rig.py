"""A cell over the memory store, a virtual clock, and ports that note what they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from roost import Address, Agent, App, Trigger
from roost.contract.commit import Frame, Snapshot
from roost.contract.result import TickResult
from roost.contract.trigger import Call
from roost.engine.cell import Cell
from roost.engine.mailbox import Waiting
from roost.engine.run import Run
from roost.engine.runtime import Runtime
from roost.hosting.memory import MemoryStore
from roost.ports import Capabilities, Ports
from roost.testing.clock import VirtualHost
from roost.tick.image import Image
from roost.tick.tick import Tick


class NotedWire:
    """Fills the port `Wire`: keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[Frame], int]] = []

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        self.sent.append(([*frames], version))
        return ()

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        raise AssertionError("nothing hangs up here")

    def open(self, address: Address) -> Mapping[str, int] | None:
        return None


class NotedAlarms:
    """Fills the port `Alarms`: keeps what was armed."""

    def __init__(self) -> None:
        self.armed: list[float | None] = []

    async def arm(self, address: Address, at: float | None) -> None:
        self.armed.append(at)

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        self.armed.append(at)


class Bench:
    """One host and one cell of `agent`. Nothing runs unless a test runs it."""

    def __init__(self, agent: type[Agent[Any, Any]], store: MemoryStore | None = None) -> None:
        nobody: Any = object()
        self.host, self.wire, self.alarms = VirtualHost(), NotedWire(), NotedAlarms()
        self.store = MemoryStore() if store is None else store
        ports = Ports(self.store, nobody, self.wire, self.alarms, self.host, nobody)
        self.runtime = Runtime(App([agent]), ports, Capabilities("test"))
        self.address = Address(agent.kind, "a")
        self.results: list[TickResult] = []

    @property
    def cell(self) -> Cell:
        return self.runtime.cell(self.address)

    def call(self, what: str, *args: Any, id: str | None = None, **more: Any) -> Waiting:
        """A call as the runtime queues it; its results come in `results`."""
        call = Call(what, args, **more)
        waiting = Waiting(Trigger("call", call, id), self.results.append)
        action = waiting.action = self.cell.kind.action(what)
        waiting.args, waiting.kwargs = action.bind(call.args, call.kwargs)
        return waiting

    def run(self, waiting: Waiting, image: Image | None = None) -> Run:
        """A run over the image, which becomes the cell's."""
        self.cell.image = image or Image(Snapshot(self.address))
        return Run(self.cell, waiting, self.cell.image)


def tick_of(kind: type[Agent[Any, Any]], **stored: Any) -> Tick:
    """A tick of a call, over an agent as stored."""
    address = Address(kind.kind, "a")
    store: Any = object()
    app = App([kind])
    image = Image(Snapshot(address, **stored))
    return Tick(app.kind(kind.kind), image, Trigger("call", Call("x")), 100.0, 7, app.limits, store)
