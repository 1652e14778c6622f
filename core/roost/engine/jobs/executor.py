"""What a host does for the jobs of its agents: claims those that are due, carries them out, lets them go.

Loaded by hosts whose app has jobs, or who find some. It is no part of a cell: an agent may sleep while its jobs go on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ...contract.errors import RoostError
from ...contract.job import holds
from ..cell import REARM
from ..retries import Retries
from ..waking import ready
from .carrying import Carrying
from .hold import CLAIM, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...contract.address import Address
    from ...contract.job import Job
    from ...contract.journal import JournalRow
    from ...ports import Future
    from .needs import Needs
    from .streaming import Streams

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
        self._here: dict[Address, dict[str, Carrying]] = {}
        """The same, by agent."""
        self.troubles: dict[tuple[Address, str], Trouble] = {}
        """Jobs that can't go on with this code."""
        self.wrote: Callable[[Address, str, JournalRow], object] = lambda address, uid, row: None
        """Hears of each row once it is durable: for tests."""
        self.working: Callable[[], object] = lambda: None
        """Told that work begins, so that the host is kept awake until `idle`."""
        self.retries = Retries()
        """Of jobs that could not be carried out."""
        self._looks = Retries()
        """Of agents whose jobs could not be looked at."""
        self._resting: set[tuple[Address, str]] = set()
        """Jobs that failed here a moment ago."""
        self._looking: dict[Address, bool] = {}
        """Agents that are looked at; True: once more."""
        self._idle: Future[None] | None = None

    def look(self, address: Address) -> None:
        """See which jobs of an agent are due, and carry them out."""
        if self.runtime.closing:
            return
        if address in self._looking:
            self._looking[address] = True
        else:
            self._looking[address] = False
            self.runtime.host.spawn(self._look(address), eager=True)  # a commit's alarm is set before anything leaves
            self.working()

    @property
    def busy(self) -> bool:
        """Something is looked at or carried out."""
        return bool(self.carried or self._looking)

    async def idle(self) -> None:
        """Wait until nothing is."""
        while self.busy:
            if self._idle is None:
                self._idle = self.runtime.host.future()
            await self.runtime.host.shielded(self._idle)

    def _rested(self) -> None:
        if self._idle is not None and not self.busy:
            self._idle.set_result(None)
            self._idle = None

    def streams(self, address: Address, uid: str) -> Streams | None:
        """What a job says, if it is carried out here."""
        carrying = self.carried.get((address, uid))
        return None if carrying is None else carrying.streams

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
            self._looks.over(address)
        except RoostError as error:  # it can't wake, perhaps for good
            pause = self._looks.failed(address, self.runtime.host.monotonic())
            self.runtime.log.warning(
                "%s: its jobs could not be looked at, and will be in %.0f s: %s", address, pause, error.message
            )
            self.later(address, pause)
        finally:
            del self._looking[address]
            self._rested()

    async def _once(self, address: Address) -> None:
        runtime = self.runtime
        cell = runtime.cell(address)
        here = tuple(self._here.get(address, {}).values()) if self.sole else ()
        if cell.leases is None and not (await ready(cell)).jobs:
            for carrying in here:
                carrying.gone()
            await self._arm(address, None)
            return
        if cell.status == "quarantined":
            if self.sole:  # it has a time of its own; what runs goes on
                await self._arm(address, None)
            return
        now = runtime.host.now()
        jobs = await runtime.store.journal.jobs(address)
        if here:
            uids = {job.live.uid for job in jobs}
            for carrying in here:
                if carrying.uid not in uids:
                    carrying.gone()
        for job in jobs:
            which = address, job.live.uid
            carried = self.carried.get(which)
            if carried is not None:
                if job.bell != carried.bell or holds(job, now):
                    carried.rang()
                if self.sole and job.due is not None and job.due <= now:
                    await carried.put_off()
            elif (
                which not in self._resting and not holds(job, now) and self._wanted(job, self.troubles.get(which), now)
            ):
                self._carry(address, job.live.uid)
        await self.armed(address)

    def _wanted(self, job: Job, trouble: Trouble | None, now: float) -> bool:
        """Whether there is something to do for a job that nobody carries out here."""
        if job.due is not None and job.due <= now:
            return True
        if trouble is not None and job.owner == self.owner:
            return job.bell != trouble.bell
        return self.sole and job.owner != ""  # its executor died, here or with an earlier boot

    def _carry(self, address: Address, uid: str) -> None:
        carrying = self.carried[address, uid] = Carrying(self, address, uid)
        self._here.setdefault(address, {})[uid] = carrying
        self.runtime.host.spawn(self._through(carrying))
        self.working()

    async def _through(self, carrying: Carrying) -> None:
        address = carrying.address
        try:
            await carrying.run()
            if (address, carrying.uid) not in self._resting:
                self.retries.over(address)
        except BaseException:  # a defect, or what an author's resource raised
            if not self.runtime.host.ending():
                self.failed(address, carrying.uid)
            raise
        finally:
            del self.carried[address, carrying.uid], self._here[address][carrying.uid]
            if not self._here[address]:
                del self._here[address]
            if not self.runtime.host.ending():
                self.look(address)
            self._rested()

    def failed(self, address: Address, uid: str) -> None:
        """A job could not be carried out: try again in a while, less and less often."""
        host, which = self.runtime.host, (address, uid)
        self._resting.add(which)
        host.call_later(self.retries.failed(address, host.monotonic()), partial(self._again, which))

    def _again(self, which: tuple[Address, str]) -> None:
        self._resting.discard(which)
        self.look(which[0])

    async def armed(self, address: Address) -> None:
        """Have the host's alarm know when the agent's jobs are due."""
        now = self.runtime.host.now()
        try:
            due = await (self._next(address, now) if self.sole else self.runtime.store.journal.due(address))
        except RoostError as error:
            self._unarmed(address, error)
            return
        if due is not None and due <= now:  # what is under way takes long, or failed: never a hot loop
            due = now + REARM
        await self._arm(address, due)

    async def _next(self, address: Address, now: float) -> float | None:
        """When the agent's jobs must be looked at: those too that are carried out here, should this process die."""
        times: list[float] = []
        for job in await self.runtime.store.journal.jobs(address):
            which = address, job.live.uid
            carrying = self.carried.get(which)
            if (carrying is not None and not carrying.free) or (job.owner != "" and which not in self.troubles):
                times.append(now + CLAIM)
            elif job.due is not None and not job.held:
                times.append(max(job.due, job.held_until))
        return min(times, default=None)

    async def _arm(self, address: Address, due: float | None) -> None:
        try:
            await self.runtime.alarms.arm_jobs(address, due)
        except RoostError as error:
            self._unarmed(address, error)

    def _unarmed(self, address: Address, error: RoostError) -> None:
        self.runtime.log.warning("%s: the alarm of its jobs could not be set: %s", address, error.message)
        self.later(address, REARM)

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
