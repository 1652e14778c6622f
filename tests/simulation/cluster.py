"""Hosts that own their store, each with the real runtime; they die and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from roost.contract.address import Address
from roost.contract.commit import DeadLetter, Envelope, Letter
from roost.contract.errors import RoostError, TransientError
from roost.contract.job import Claim, Job
from roost.contract.trigger import Trigger
from roost.engine.runtime import Runtime
from roost.hosting.timers import Timers
from roost.journal import Journal
from roost.ports import Capabilities, Ports
from roost.sockets.protocol import Session
from roost.testing.faults import Faults, Strike
from roost.testing.faulty import FaultyAlarms, FaultyCourier, FaultyStore, FaultyWire
from roost.testing.faulty_journal import FaultyJournal

from .gateway import Socket
from .history import History
from .host import SimHost
from .life import Sight
from .probe import ProbeStore, at_once
from .world import Machine, World

if TYPE_CHECKING:
    from .setting import Setting
    from .stores import Opened

T = TypeVar("T")
SIMULATED = Capabilities("simulated")
TOILING = Capabilities("simulated", jobs=True)


class HostJournal(FaultyJournal):
    """A host's view of a journal: it may die with a row just written."""

    def __init__(self, journal: Journal, strike: Strike, kills: Callable[[], bool]) -> None:
        super().__init__(journal, strike)
        self._strikes = strike
        self._kills = kills

    async def append(
        self, claim: Claim, position: int, data: bytes, *, again: bytes | None = None, ended: float | None = None
    ) -> bool:
        done = await super().append(claim, position, data, again=again, ended=ended)
        if done and self._kills():
            self._strikes.faults.strike("journal.append", "crash-after")
            self._strikes.crash()
            await self._strikes.dead()
        return done


class HostStore(FaultyStore):
    """A host's view of the store: which letters it may acknowledge is noted."""

    def __init__(self, probe: ProbeStore, strike: Strike, kills: Callable[[], bool]) -> None:
        super().__init__(probe, strike)
        self._probe = probe
        self._strikes = strike
        self.kills = kills

    @property
    def journal(self) -> Journal:
        return HostJournal(self._probe.journal, self._strikes, self.kills)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        model = self._probe.model
        model.life(address).parking += 1
        try:
            found = await super().park(address, letter, limit, armed)
            model.acknowledged(address, found, self._probe.sight(address), self._probe.now())
        finally:
            model.life(address).parking -= 1
        return found


@dataclass(eq=False)
class Resident(Machine):
    """A process that owns its agents."""

    timers: Timers


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
        await self._cluster.over(machine, machine.runtime.accept(envelope))
        self._cluster.history.note("delivered", envelope.id)
        self._cluster.delivered.add(envelope.id)

    async def _again(self, envelope: Envelope, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            await self._take(envelope)
        except RoostError:
            self._cluster.history.note("lost-duplicate", envelope.id)

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        machine = self._cluster.one()
        return (await self._cluster.over(machine, machine.runtime.dispatch(address, trigger))).raw()


class Cluster(World):
    """Hosts that own their store, with their sockets."""

    def __init__(self, setting: Setting, opened: Opened, rng: Random, history: History, faults: Faults) -> None:
        super().__init__(setting, rng, history, faults)
        self.machines: list[Machine] = []
        self.probe = ProbeStore(opened.store, self.model, self.now, self.delivered, scans=setting.scans)
        self.reopen = opened.reopen
        self.probe.waits = opened.reopen is not None
        self.homeless: list[Socket] = []
        self.network = Network(self, rng, setting.duplicates)
        self.gateway.told = self._left

    def sight(self, address: Address) -> Sight:
        return self.probe.sight(address)

    def graves(self, address: Address) -> Sequence[DeadLetter]:
        return at_once(self.probe.dead(address, 0, 1000))

    def _puzzled(self, machine: Machine) -> None:
        if self.model.jobs is not None and machine.runtime.jobs is not None:
            self.model.jobs.puzzled(machine.runtime.jobs.troubles)

    def jobs_left(self) -> Sequence[tuple[Address, Job]]:
        for machine in self.machines:
            self._puzzled(machine)
        journal = self.probe.real.journal
        return [(a, job) for a in self.model.lives for job in at_once(journal.jobs(a))]

    def _kills(self) -> bool:
        """Whether the host dies now that it has written a row of a journal."""
        found = self.labours
        return found is not None and self.faults.on and found.rng.random() < found.kills

    def one(self) -> Machine:
        living = [m for m in self.machines if m.host.alive]
        if not living:
            raise TransientError("no host answers", code="lost", retry_after=0.2)
        return living[0] if len(living) == 1 else self.rng.choice(living)

    async def over(self, machine: Machine, call: Coroutine[Any, Any, T]) -> T:
        task = self.loop.create_task(call)
        try:
            await asyncio.wait((task, machine.gone), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        task.cancel()
        raise TransientError("the connection to the host was lost", code="lost", retry_after=0.1)

    def boot(self) -> Machine:
        self.booted += 1
        host = SimHost(f"h{self.booted}", self.rng, self._defect)
        host.skew = self.skew

        def crash() -> None:
            self.kill(machine)

        strike = Strike(self.faults, host.sleep, crash, host.dead)
        store = HostStore(self.probe, strike, self._kills)
        timers = Timers(store, host)
        ports = Ports(
            store, FaultyCourier(self.network, strike), FaultyWire(self.gateway, strike), FaultyAlarms(timers, strike),
            host, self.outside,
        )  # fmt: skip
        runtime = Runtime(
            self.app(self.release()),
            ports,
            SIMULATED if self.labours is None else TOILING,
            idle_after=self.setting.idle_after,
            restless=self.setting.restless,
        )
        timers.runtime = runtime
        machine = Resident(host, runtime, self.loop.create_future(), timers)
        self.machines.append(machine)
        self.history.note("boot", host.name)
        timers.start()
        homeless, self.homeless = self.homeless, []
        for socket in homeless:
            if socket.open:
                self._serve(socket, machine).resume()
        return machine

    def kill(self, machine: Machine) -> None:
        if not machine.host.alive:
            return
        self.history.note("crash", machine.host.name)
        self.model.trouble += 1
        self._puzzled(machine)
        self._halt(machine)
        self.machines.remove(machine)
        machine.gone.set_result(None)
        self.homeless += self.gateway.died(machine)
        if self.reopen is not None:
            self.probe.real = self.reopen()
        self.loop.call_later(self.rng.random() * 2 + 0.01, self.boot)

    @staticmethod
    def _halt(machine: Machine) -> None:
        assert isinstance(machine, Resident)
        machine.host.die()
        machine.runtime.halt()
        machine.timers.stop()

    def end(self) -> None:
        for machine in self.machines:
            self._halt(machine)

    # Connections -------------------------------------------------------------------------------------

    def _serve(self, socket: Socket, machine: Machine) -> Session:
        """Let a host speak for a socket."""
        session = Session(machine.runtime, socket.address, socket.cid, socket.cid, None, {}, socket)
        socket.session, socket.machine = session, machine
        return session

    async def connect(self, address: Address) -> Socket:
        machine = self.one()
        socket = Socket(self.gateway, address, f"{self.rng.getrandbits(32):08x}")
        session = self._serve(socket, machine)
        self.gateway.add(socket)
        self.history.note("connect", f"{socket.cid} {address}")
        await self.over(machine, session.open())
        return socket

    def served(self, socket: Socket) -> bool:
        return socket.open and socket.machine is not None and socket.machine.host.alive

    @property
    def overtaking(self) -> bool:
        """Not on a socket that another host takes up: it knows no count, since one TCP stream keeps the order there."""
        return not self.gateway.sticky

    def frame(self, socket: Socket, text: str) -> None:
        assert socket.session is not None
        socket.session.text(text)

    @staticmethod
    def _left(socket: Socket) -> None:
        """A connection is gone: whoever serves it is told."""
        if socket.session is not None and socket.machine is not None and socket.machine.host.alive:
            socket.session.closed(1006, "")
