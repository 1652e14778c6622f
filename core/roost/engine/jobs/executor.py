"""What a host does for the jobs of its agents: claims those that are due, carries them out, lets them go.

Loaded by hosts whose app has jobs, or who find some. It is no part of a cell: an agent may sleep while its jobs go on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ...contract.errors import RoostError
from ..cell import REARM
from ..waking import ready
from .carrying import Carrying
from .hold import AGAIN, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...contract.address import Address
    from ...contract.journal import JournalRow
    from .needs import Needs

LEAVE: Final = 10.0
"""Seconds that running steps get when the host shuts down."""


class Executor:
    """Of one host."""

    def __init__(self, runtime: Needs) -> None:
        self.runtime = runtime
        self.sole = runtime.leases is None
        """This host owns its agents: a claim that is not its own is one of an earlier boot, and void."""
        self.owner = f"{runtime.host.entropy():016x}"
        self.carried: dict[tuple[Address, str], Carrying] = {}
        self.troubles: dict[tuple[Address, str], Trouble] = {}
        """Jobs that can't go on with this code."""
        self.wrote: Callable[[Address, str, JournalRow], object] = lambda address, uid, row: None
        """Hears of each row once it is durable: for tests."""
        self._looking: dict[Address, bool] = {}
        """Agents that are looked at; True: once more."""

    def look(self, address: Address) -> None:
        """See which jobs of an agent are due, and carry them out."""
        if self.runtime.closing:
            return
        if address in self._looking:
            self._looking[address] = True
        else:
            self._looking[address] = False
            self.runtime.host.spawn(self._look(address))

    def later(self, address: Address, seconds: float) -> None:
        """Look in a while."""
        self.runtime.host.call_later(seconds, partial(self.look, address))

    async def _look(self, address: Address) -> None:
        again = True
        try:
            while again:
                self._looking[address] = False
                await self._once(address)
                again = self._looking[address]
        except RoostError as error:
            self.runtime.log.warning("%s: its jobs could not be looked at: %s", address, error.message)
            self.later(address, AGAIN)
        finally:
            del self._looking[address]

    async def _once(self, address: Address) -> None:
        runtime = self.runtime
        cell = runtime.cell(address)
        if cell.leases is None and not (await ready(cell)).jobs:
            return
        if cell.status == "quarantined":
            return
        now = runtime.host.now()
        for job in await runtime.store.journal.jobs(address):
            carrying = self.carried.get((address, job.live.uid))
            if carrying is not None:
                if job.bell != carrying.bell or job.held:
                    carrying.rang()
                continue
            stale = self.sole and job.owner not in ("", self.owner)  # by an earlier boot
            trouble = self.troubles.get((address, job.live.uid))
            if trouble is not None and job.bell != trouble.bell:
                stale = True
            if not job.held and (stale or (job.due is not None and job.due <= now)):
                self._carry(address, job.live.uid)
        await self.armed(address)

    def _carry(self, address: Address, uid: str) -> None:
        carrying = self.carried[address, uid] = Carrying(self, address, uid)
        self.runtime.host.spawn(self._through(carrying))

    async def _through(self, carrying: Carrying) -> None:
        try:
            await carrying.run()
        finally:
            del self.carried[carrying.address, carrying.uid]
            if not self.runtime.host.ending():
                self.look(carrying.address)

    async def armed(self, address: Address) -> None:
        """Have the host's alarm know when the agent's jobs are due."""
        try:
            due, now = await self.runtime.store.journal.due(address), self.runtime.host.now()
            if due is not None and due <= now:  # what is under way takes long, or failed: never a hot loop
                due = now + REARM
            await self.runtime.alarms.arm_jobs(address, due)
        except RoostError as error:
            self.runtime.log.warning("%s: the alarm of its jobs could not be set: %s", address, error.message)
            self.later(address, AGAIN)

    async def drain(self, seconds: float) -> None:
        """The host shuts down: no step begins, running ones get a while, and the jobs are let go."""
        host = self.runtime.host
        for carrying in self.carried.values():
            carrying.draining = True
            carrying.wake()
        now = host.monotonic()
        leave, edge = now + min(LEAVE, seconds), now + seconds
        while self.carried and host.monotonic() < edge:
            if host.monotonic() >= leave:
                for carrying in self.carried.values():
                    carrying.stopping = True
                    carrying.wake()
            await host.sleep(0.01)
