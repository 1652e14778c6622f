"""A pool: hosts that hold agents of one store, any of which takes any request; they die, or are paused for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.commit import Busy, Frame, Lease, Letter, Snapshot
from roost.contract.errors import RoostError, TransientError
from roost.engine.held.holding import Holding
from roost.engine.runtime import Runtime
from roost.ports import Ports, Timer
from roost.testing.faults import Faults, Strike
from roost.testing.faulty import FaultyCourier, FaultyStore

from .cluster import SIMULATED, Cluster
from .history import History
from .host import SimHost
from .pool_table import MARGIN, TTL, PoolTable
from .worker import FleetHost
from .world import Machine

if TYPE_CHECKING:
    from .setting import Setting
    from .stores import Opened

BEAT: Final = 1.0
POLL: Final = 0.5
PAUSES: Final = 0.3
"""Of hosts: they are paused once, for up to two lives of a row."""
DEAF: Final = 0.1
"""Of notices: they are lost."""


class PoolHost(FleetHost):
    """A process that can be paused, and whose callers are others' tasks too."""

    async def dead(self) -> None:
        while self._thawed is not None and self.alive:
            await asyncio.shield(self._thawed)
        await SimHost.dead(self)


class Member(Machine):
    """One process, through all its incarnations."""

    def __init__(self, pool: Pool, host: FleetHost, rng: Random) -> None:
        self.pool = pool
        self.process = host
        self.rng = rng
        self.boots = 0
        self.name = ""
        self.sure_until = 0.0
        self.held: dict[Address, int] = {}
        """Agents it holds: the fence."""
        self.begin()

    def begin(self) -> None:
        """A new incarnation, which holds nothing."""
        self.boots += 1
        self.name = f"{self.process.name}.{self.boots}"
        self.held.clear()
        at = self.process.monotonic()
        self.pool.table.enter(self.name)
        self.sure_until = at + TTL - MARGIN

    def ready(self, runtime: Runtime, strike: Strike) -> None:
        super().__init__(self.process, runtime, self.pool.loop.create_future())
        self._strike = strike
        self.process.call_later(BEAT * self.rng.random(), self._beats)
        self.process.call_later(POLL * self.rng.random(), self._polls)

    def _beats(self) -> None:
        self.process.spawn(self._beat())

    async def _beat(self) -> None:
        at = self.process.monotonic()

        async def beat() -> bool:
            return self.pool.table.beat(self.name)

        try:
            if await self._strike.on("pool.beat", beat):
                self.sure_until = max(self.sure_until, at + TTL - MARGIN)
            else:
                self.pool.history.note("over", self.name)
                self.begin()
        except RoostError:
            pass
        self.process.call_later(BEAT, self._beats)

    def _polls(self) -> None:
        self.process.spawn(self._poll())

    async def _poll(self) -> None:
        table = self.pool.table

        async def poll() -> list[Address]:
            table.bury()
            return table.wanting(self.process.now(), self.name)

        try:
            for address in await self._strike.on("pool.poll", poll):
                if not self.runtime.retries.pausing(address, self.process.monotonic()):
                    self.runtime.rouse(address)
        except RoostError:
            pass
        self.process.call_later(POLL * (0.5 + self.rng.random()), self._polls)


class PoolLeases:
    """Fills `Holds`."""

    def __init__(self, member: Member, strike: Strike) -> None:
        self._member = member
        self._pool = member.pool
        self._table = member.pool.table
        self._strike = strike

    def lease(self) -> Lease:
        if self._member.process.monotonic() >= self._member.sure_until:
            raise TransientError("this host is not sure that it lives", code="unsure")
        return Lease(self._member.name, 0.0)

    async def renew(self, address: Address) -> None:
        raise AssertionError("no lease of an agent is renewed")

    def holds(self, address: Address) -> bool:
        return address in self._member.held

    def sure(self, address: Address) -> bool:
        return address in self._member.held and self._member.process.monotonic() < self._member.sure_until

    def lost(self, address: Address) -> None:
        self._member.held.pop(address, None)

    async def leave(self, address: Address, left: bool, released: int, force: bool, belled: bool) -> bool:
        name = self._member.name

        async def leave() -> bool:
            return self._table.leave(address, name, released, force)

        done = await self._strike.on("leases.leave", leave)
        if done and self._member.name == name:
            self._member.held.pop(address, None)
        return done

    async def ring(self, address: Address, wake: float | None) -> bool:
        async def ring() -> bool:
            holder = self._table.ring(address)
            self._pool.notify(holder, address)
            return bool(holder)

        return await self._strike.on("leases.ring", ring)

    async def call(self, address: Address, delay: float) -> None:
        runtime = self._member.runtime
        self._member.process.call_later(delay, partial(runtime.rouse, address))

    async def wake(self, address: Address, at: float, known: bool) -> None:
        raise AssertionError("there are no doorbells")

    async def post(self, address: Address, letter: Letter, limit: int, armed: float | None) -> tuple[Letter, float]:
        assert self._member.process.alive

        async def post() -> tuple[Letter, float]:
            now = self._member.process.now()
            at = now + 5.0 if armed is None else armed
            kept = await self._pool.probe.park(address, letter, limit, at)
            holder = self._table.ring(address)
            if holder != self._member.name:
                self._pool.notify(holder, address)
            until = self._table.hosts[holder].until - self._table.time() if holder else 0.0
            return kept, now + until if holder else 0.0

        kept, until = await self._strike.on("store.park", post)
        if letter.forwarded is None:
            self._pool.model.acknowledged(address, kept, self._pool.sight(address), self._pool.now())
        return kept, until

    async def answer(self, address: Address, n: int, answer: bytes) -> None:
        async def put() -> None:
            if self._table.take_out(address, n):
                self._table.answers[address, n] = answer

        await self._strike.on("leases.answer", put)

    async def answered(self, address: Address, n: int) -> bytes | None:
        async def get() -> bytes | None:
            return self._table.answers.get((address, n))

        return await self._strike.on("leases.answered", get)

    async def withdraw(self, address: Address, n: int) -> bool:
        async def out() -> bool:
            return self._table.take_out(address, n)

        return await self._strike.on("leases.withdraw", out)

    async def request(self, address: Address) -> None:
        async def ask() -> None:
            holder = self._table.of(address).holder
            self._pool.notify(holder, address, leave=True)

        await self._strike.on("leases.request", ask)

    async def rings(self, address: Address) -> int:
        async def rings() -> int:
            return self._table.of(address).rings

        return await self._strike.on("leases.rings", rings)

    async def heard(self, address: Address, rings: int) -> None:
        name = self._member.name

        async def heard() -> None:
            self._table.hear(address, name, rings)

        await self._strike.on("leases.heard", heard)


class HeldStore(FaultyStore):
    """Remembers under which fence it took an agent."""

    def __init__(self, pool: Pool, member: Member, strike: Strike) -> None:
        super().__init__(pool.probe, strike)
        self._pool = pool
        self._member = member

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        found = await super().load(address, lease)
        if lease is not None and isinstance(found, Snapshot):
            if lease.owner != self._member.name:
                raise TransientError("this incarnation is over", code="host-over")
            self._member.held[address] = found.fence
        return found


class Alarms:
    """Fills `Alarms`: timers of one host, for what it holds."""

    def __init__(self, member: Member, strike: Strike) -> None:
        self._member = member
        self._strike = strike
        self._timers: dict[Address, Timer] = {}

    async def arm(self, address: Address, at: float | None) -> None:
        async def arm() -> None:
            if (old := self._timers.pop(address, None)) is not None:
                old.cancel()
            if at is not None:
                self._timers[address] = self._member.process.call_at(at, partial(self._fire, address))

        await self._strike.on("alarms.arm", arm)

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        raise AssertionError("no agent of these seeds has jobs")

    def _fire(self, address: Address) -> None:
        self._timers.pop(address, None)
        if self._member.process.alive:
            self._member.runtime.rouse(address)


class PoolWire:
    """Fills `Wire`: frames go to the host of their socket with the fence; what is of a lower one is dropped there."""

    def __init__(self, pool: Pool, member: Member, strike: Strike) -> None:
        self._pool = pool
        self._member = member
        self._strike = strike

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        fence = self._member.held.get(address, 0)

        async def send() -> Iterable[str]:
            seen = self._pool.fences.get(address, 0)
            if version and fence < seen:
                self._pool.history.note("late-frame", str(address))
                return ()
            self._pool.fences[address] = max(seen, fence)
            return await self._pool.gateway.send(address, frames, version)

        return await self._strike.on("wire.send", send)

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        await self._strike.on("wire.close", self._pool.gateway.close, address, cid, code, reason)

    def open(self, address: Address) -> Mapping[str, int] | None:
        return self._pool.gateway.open(address)


class Pool(Cluster):
    """See the file's head."""

    def __init__(self, setting: Setting, opened: Opened, rng: Random, history: History, faults: Faults) -> None:
        super().__init__(setting, opened, rng, history, faults)
        self.model.shared = True
        self.table = PoolTable(setting.log_limit, self.model, self.loop.time)
        self.probe.real = self.table
        self.fences: dict[Address, int] = {}
        """By agent: the highest under which frames came."""

    def notify(self, name: str, address: Address, *, leave: bool = False) -> None:
        """Tell a host, sooner or later, or never."""
        for machine in self.machines:
            if isinstance(machine, Member) and machine.name == name:
                if self.faults.on and self.rng.random() < DEAF:
                    self.history.note("fault:notify:lost", name)
                    return
                self.loop.call_later(self.rng.random() * 0.05, self._told, machine, address, leave)

    @staticmethod
    def _told(member: Member, address: Address, leave: bool) -> None:
        if not member.process.alive:
            return
        if leave:
            member.process._living(partial(member.runtime.give_up, address))  # pyright: ignore[reportPrivateUsage]
        else:
            member.process._living(partial(member.runtime.rouse, address))  # pyright: ignore[reportPrivateUsage]

    def boot(self) -> Machine:
        self.booted += 1
        host = PoolHost(f"h{self.booted}", self.rng, self._defect)
        host.skew = self.skew
        member = Member(self, host, Random(self.rng.getrandbits(32)))

        def crash() -> None:
            self.kill(member)

        strike = Strike(self.faults, host.sleep, crash, host.dead)
        ports = Ports(
            HeldStore(self, member, strike), FaultyCourier(self.network, strike), PoolWire(self, member, strike),
            Alarms(member, strike), host, self.outside, Holding(PoolLeases(member, strike)),
        )  # fmt: skip
        runtime = Runtime(
            self.app(self.release()), ports, SIMULATED, idle_after=self.setting.idle_after,
            restless=self.setting.restless,
        )  # fmt: skip
        member.ready(runtime, strike)
        self.machines.append(member)
        self.history.note("boot", host.name)
        if self.faults.on and self.rng.random() < PAUSES:
            self.loop.call_later(self.rng.random() * 15, self._pause, member)
        homeless, self.homeless = self.homeless, []
        for socket in homeless:
            if socket.open:
                self._serve(socket, member).resume()
        return member

    def _pause(self, member: Member) -> None:
        if member.process.alive and self.faults.on:
            self.history.note("fault:host:pause", member.name)
            self.model.trouble += 1
            member.process.freeze()
            self.loop.call_later(self.rng.random() * 2 * TTL, member.process.thaw)

    @staticmethod
    def _halt(machine: Machine) -> None:
        machine.host.die()
        machine.runtime.halt()

    @property
    def overtaking(self) -> bool:
        return True
