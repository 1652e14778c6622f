"""The hosts of a simulated world: any number on one store, each with the real runtime; they die and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from roost.address import Address
from roost.commit import Envelope, Letter
from roost.errors import RoostError, TransientError
from roost.ports import Capabilities, Ports
from roost.resident import OwnedStore
from roost.runtime import Runtime
from roost.session import Session
from roost.testing.clock import EPOCH
from roost.testing.faults import Faults, Strike
from roost.testing.faulty import FaultyAlarms, FaultyCourier, FaultyStore, FaultyWire
from roost.timers import Timers
from roost.trigger import Trigger

from . import app
from .gateway import Gateway, Socket
from .history import History
from .host import SimHost
from .model import Model
from .outside import Outside
from .probe import ProbeStore

if TYPE_CHECKING:
    from .setting import Setting

T = TypeVar("T")
SIMULATED = Capabilities("simulated")


class HostStore(FaultyStore):
    """A host's view of the store: which letters it may acknowledge is noted."""

    def __init__(self, probe: ProbeStore, strike: Strike) -> None:
        super().__init__(probe, strike)
        self._probe = probe

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        model = self._probe.model
        model.life(address).parking += 1
        try:
            found = await super().park(address, letter, limit, armed)
            model.acknowledged(address, found, self._probe.sight(address), self._probe.now())
        finally:
            model.life(address).parking -= 1
        return found


@dataclass(eq=False, slots=True)
class Machine:
    """One process."""

    host: SimHost
    runtime: Runtime
    timers: Timers
    gone: asyncio.Future[None]


class Network:
    """Fills the port `Courier`: any living host takes what comes, and some of it comes twice, or late."""

    def __init__(self, cluster: Cluster, rng: Random, duplicates: float) -> None:
        self._cluster = cluster
        self._rng = rng
        self._duplicates = duplicates

    async def deliver(self, envelope: Envelope) -> None:
        cluster = self._cluster
        if envelope.id not in cluster.model.sent:
            cluster.model.broken("gate", f"the envelope {envelope.id} left before it was durable")
        if self._rng.random() < self._duplicates and cluster.faults.on:
            cluster.history.note("fault:courier:duplicate", envelope.id)
            cluster.model.trouble += 1
            cluster.loop.create_task(self._again(envelope, self._rng.random() ** 2 * 20))
        await self._take(envelope)

    async def _take(self, envelope: Envelope) -> None:
        machine = self._cluster.one()
        await over(machine, machine.runtime.accept(envelope))
        self._cluster.history.note("delivered", envelope.id)
        self._cluster.probe.delivered.add(envelope.id)

    async def _again(self, envelope: Envelope, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            await self._take(envelope)
        except RoostError:
            self._cluster.history.note("lost-duplicate", envelope.id)

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        machine = self._cluster.one()
        return (await over(machine, machine.runtime.dispatch(address, trigger))).raw()


async def over(machine: Machine, call: Coroutine[Any, Any, T]) -> T:
    """The result of a call to another host; TransientError when that dies first."""
    task = asyncio.get_running_loop().create_task(call)
    try:
        await asyncio.wait((task, machine.gone), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if task.done():
        return task.result()
    task.cancel()
    raise TransientError("the connection to the host was lost", code="lost", retry_after=0.1)


class Cluster:
    """All hosts, their store, their sockets."""

    def __init__(self, setting: Setting, store: OwnedStore, rng: Random, history: History, faults: Faults) -> None:
        self.loop = asyncio.get_running_loop()
        self.setting = setting
        self.rng = rng
        self.history = history
        self.faults = faults
        self.model = Model(history)
        self.probe = ProbeStore(store, self.model, self.now, scans=setting.scans)
        self.gateway = Gateway(self.model, sticky=setting.sticky)
        self.outside = Outside(history, rng)
        self.machines: list[Machine] = []
        self.homeless: list[Socket] = []
        self.booted = 0
        self.skew = 0.0
        self.network = Network(self, rng, setting.duplicates)
        self.reopen: Callable[[], OwnedStore] | None = None

    def now(self) -> float:
        return EPOCH + self.loop.time() + self.skew

    def one(self) -> Machine:
        """A living host; TransientError when there is none."""
        living = [m for m in self.machines if m.host.alive]
        if not living:
            raise TransientError("no host answers", code="lost", retry_after=0.2)
        return living[0] if len(living) == 1 else self.rng.choice(living)

    def boot(self) -> Machine:
        """Start a host."""
        self.booted += 1
        host = SimHost(f"h{self.booted}", self.rng, self._defect)
        host.skew = self.skew

        def crash() -> None:
            self.kill(machine)

        strike = Strike(self.faults, host.sleep, crash, host.dead)
        store = HostStore(self.probe, strike)
        timers = Timers(store, host)
        ports = Ports(
            store, FaultyCourier(self.network, strike), FaultyWire(self.gateway, strike), FaultyAlarms(timers, strike),
            host, self.outside,
        )  # fmt: skip
        runtime = Runtime(
            app.make(), ports, SIMULATED, idle_after=self.setting.idle_after, restless=self.setting.restless
        )
        timers.runtime = runtime
        machine = Machine(host, runtime, timers, self.loop.create_future())
        self.machines.append(machine)
        self.history.note("boot", host.name)
        timers.start()
        homeless, self.homeless = self.homeless, []
        for socket in homeless:
            if socket.open:
                self.serve(socket, machine).resume()
        return machine

    def serve(self, socket: Socket, machine: Machine) -> Session:
        """Let a host speak for a socket."""
        session = Session(machine.runtime, socket.address, socket.cid, socket.cid, None, {}, socket)
        socket.session, socket.machine = session, machine
        return session

    def kill(self, machine: Machine) -> None:
        """A host dies where it stands; another starts a little later."""
        if not machine.host.alive:
            return
        self.history.note("crash", machine.host.name)
        self.model.trouble += 1
        machine.host.die()
        machine.runtime.halt()
        machine.timers.stop()
        self.machines.remove(machine)
        machine.gone.set_result(None)
        self.homeless += self.gateway.died(machine)
        if self.reopen is not None:
            self.probe.real = self.reopen()
        self.loop.call_later(self.rng.random() * 2 + 0.01, self.boot)

    def jump(self, seconds: float) -> None:
        """All clocks are set."""
        self.history.note("fault:clock:jump", f"{seconds:.3f}")
        self.model.trouble += 1
        self.skew += seconds
        for machine in self.machines:
            machine.host.skew = self.skew

    def _defect(self, error: BaseException) -> None:
        self.history.broken("defect", f"a background task failed: {type(error).__name__}: {error}")

    def open_sockets(self) -> Sequence[Socket]:
        return [s for group in self.gateway.sockets.values() for s in group.values()]
