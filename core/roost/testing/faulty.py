"""The ports with faults in front of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..contract.address import Address
from ..contract.commit import (
    AlreadyHandled,
    Busy,
    Commit,
    Committed,
    DeadLetter,
    Entry,
    Envelope,
    Frame,
    Handled,
    Lease,
    Letter,
    Page,
    Snapshot,
)
from ..contract.trigger import Source, Trigger
from ..hosting.resident import OwnedStore
from ..journal import Journal
from ..ports import Alarms, Courier, Ports, Wire
from .faults import Strike
from .faulty_journal import FaultyJournal


class FaultyStore:
    """Fills the port `Store`, and what timers ask of a store, which fails but never takes time."""

    def __init__(self, store: OwnedStore, strike: Strike) -> None:
        self._store = store
        self._strike = strike

    @property
    def journal(self) -> Journal:
        return FaultyJournal(self._store.journal, self._strike)

    async def load(self, address: Address, lease: Lease | None = None) -> Snapshot | Busy:
        return await self._strike.on("store.load", self._store.load, address, lease)

    async def get(self, address: Address, keys: Sequence[str]) -> Mapping[str, bytes]:
        return await self._strike.on("store.get", self._store.get, address, keys)

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        return await self._strike.on("store.scan", self._store.scan, address, prefix, after, limit, reverse)

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        return await self._strike.on("store.outcome", self._store.outcome, address, source, principal, id)

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        return await self._strike.on("store.handled", self._store.handled, address, prefix)

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        return await self._strike.on("store.commit", self._store.commit, commit)

    async def park(self, address: Address, letter: Letter, limit: int, armed: float) -> Letter:
        return await self._strike.on("store.park", self._store.park, address, letter, limit, armed)

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        return await self._strike.on("store.parked", self._store.parked, address, after, limit)

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        await self._strike.on("store.settle", self._store.settle, address, ids, armed)

    async def arm(self, address: Address, at: float | None) -> None:
        await self._strike.on("store.arm", self._store.arm, address, at)

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        return await self._strike.on("store.log", self._store.log, address, after, kinds, limit)

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        return await self._strike.on("store.dead", self._store.dead, address, after, limit)

    async def purge(self, address: Address, id: str | None) -> int:
        return await self._strike.on("store.purge", self._store.purge, address, id)

    async def redrive(self, address: Address, id: str | None) -> int:
        return await self._strike.on("store.redrive", self._store.redrive, address, id)

    async def list(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        return await self._strike.on("store.list", self._store.list, kind, prefix, cursor, limit)

    async def size(self, address: Address) -> int:
        return await self._strike.on("store.size", self._store.size, address)

    def _read(self, name: str) -> None:
        if self._strike.faults.draw(name) in ("fail", "lose"):
            raise self._strike.faults.error(name, False)

    def due(self, now: float, limit: int) -> Sequence[tuple[Address, float]]:
        self._read("store.due")
        return self._store.due(now, limit)

    def next_armed(self, after: float) -> float | None:
        self._read("store.next_armed")
        return self._store.next_armed(after)

    def unfinished(self, limit: int, after: Address | None = None) -> Sequence[Address]:
        self._read("store.unfinished")
        return self._store.unfinished(limit, after)

    def ahead(self, addresses: Sequence[Address]) -> Mapping[Address, Snapshot]:
        found = self._store.ahead(addresses)
        if found:
            self._read("store.ahead")
        return found


class FaultyCourier:
    """Fills the port `Courier`."""

    def __init__(self, courier: Courier, strike: Strike) -> None:
        self._courier = courier
        self._strike = strike

    async def deliver(self, envelope: Envelope) -> None:
        await self._strike.on("courier.deliver", self._courier.deliver, envelope)

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        return await self._strike.on("courier.ask", self._courier.ask, address, trigger)


class FaultyWire:
    """Fills the port `Wire`."""

    def __init__(self, wire: Wire, strike: Strike) -> None:
        self._wire = wire
        self._strike = strike

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        return await self._strike.on("wire.send", self._wire.send, address, frames, version)

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        await self._strike.on("wire.close", self._wire.close, address, cid, code, reason)

    def open(self, address: Address) -> Mapping[str, int] | None:
        return self._wire.open(address)


class FaultyAlarms:
    """Fills the port `Alarms`."""

    def __init__(self, alarms: Alarms, strike: Strike) -> None:
        self._alarms = alarms
        self._strike = strike

    async def arm(self, address: Address, at: float | None) -> None:
        await self._strike.on("alarms.arm", self._alarms.arm, address, at)

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        await self._strike.on("alarms.arm_jobs", self._alarms.arm_jobs, address, at)


def faulty(ports: Ports, store: OwnedStore, strike: Strike) -> Ports:
    """`ports` with faults in front of all but the host and the outside."""
    return replace(
        ports,
        store=FaultyStore(store, strike),
        courier=FaultyCourier(ports.courier, strike),
        wire=FaultyWire(ports.wire, strike),
        alarms=FaultyAlarms(ports.alarms, strike),
    )
