"""The ports `Leases` and `Alarms` over the table and the doorbells."""

from __future__ import annotations

from functools import partial
from typing import Final

from roost.contract.address import Address
from roost.contract.commit import Lease, Letter
from roost.ports import Host

from .bells import Bells
from .desk import HOLD
from .lease import Bell
from .memory import Held
from .store import DynamoStore

HEAL: Final = 1.0
"""Seconds after a lease's end at which the doorbell comes that heals its dead holder."""
SET: Final = 1.0
"""Seconds by which the wall clock and the monotonic one may part before it counts as set."""


class TableLeases:
    """Fills `Leases`. `name`: this process."""

    def __init__(self, store: DynamoStore, bells: Bells, host: Host) -> None:
        self._store = store
        self._bells = bells
        self._host = host
        self._name = f"{host.entropy():016x}"
        self._memory = store.memory
        self._apart = host.now() - host.monotonic()
        self._doubted: set[Held] = set()
        """Leases from before the clock was set, until they are renewed: their end by it says nothing."""

    def _look(self) -> None:
        apart = self._host.now() - self._host.monotonic()
        if abs(apart - self._apart) > SET:
            self._apart = apart
            self._doubted = set(self._memory.held.values())

    def lease(self) -> Lease:
        self._look()
        return Lease(self._name, self._host.now() + HOLD)

    async def renew(self, address: Address) -> None:
        self._look()
        held = self._memory.held.get(address)
        await self._store.lease.renew(address)
        if held is not None:
            self._doubted.discard(held)

    def holds(self, address: Address) -> bool:
        return address in self._memory.held

    def sure(self, address: Address) -> bool:
        self._look()
        held = self._memory.held.get(address)
        return held is not None and held not in self._doubted and self._host.now() < held.until

    def lost(self, address: Address) -> None:
        self._memory.let_go(address)

    async def leave(self, address: Address, left: bool, released: int, force: bool, belled: bool) -> bool:
        return await self._store.lease.leave(address, left, released, force, belled)

    async def ring(self, address: Address, wake: float | None) -> bool:
        bell = await self._store.lease.ring(address)
        if bell is None:
            return False
        await self._heal(address, bell, wake)  # whoever calls this was sent by a doorbell, which is spent
        return True

    async def call(self, address: Address, delay: float) -> None:
        await self._bells.ring(address, max(0.0, delay))

    async def wake(self, address: Address, at: float, known: bool) -> None:
        await self._bells.ring(address, max(0.0, at - self._host.now()), at if known else None)

    async def post(self, address: Address, letter: Letter, limit: int, armed: float | None) -> tuple[Letter, float]:
        bell = partial(self.wake, address, known=True)
        posted = await self._store.letters.post(address, letter, limit, armed, bell)
        if not posted.held:
            return posted.letter, 0.0
        if posted.bell.first or letter.forwarded is None:  # nobody waits for a tell, so each provides for itself
            await self._heal(address, posted.bell)
        return posted.letter, posted.bell.until

    async def _heal(self, address: Address, bell: Bell, wake: float | None = 0.0) -> None:
        """See to it that somebody comes should the holder have died."""
        await self._bells.ring(address, max(0.0, bell.until - self._host.now()) + HEAL, wake)

    async def answer(self, address: Address, n: int, answer: bytes) -> None:
        await self._store.answers.answer(address, n, answer)

    async def answered(self, address: Address, n: int) -> bytes | None:
        return await self._store.answers.answered(address, n)

    async def withdraw(self, address: Address, n: int) -> bool:
        return await self._store.letters.withdraw(address, n)


class NoAlarms:
    """Fills `Alarms`, of which hosts that share a store have none: each `Tenure` rings for what it armed."""

    async def arm(self, address: Address, at: float | None) -> None:
        raise AssertionError(f"{address} was armed past its tenure")

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        raise AssertionError(f"{address}: whoever lets a job go rings for it")
