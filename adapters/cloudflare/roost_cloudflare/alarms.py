"""The port `Alarms`: the one alarm of an object.

An alarm that comes sooner is set at once, in the turn of the commit that needs it: the platform writes both or none.
One that comes later, or is not needed any more, is moved a second after the last change: setting costs a row, so not in
every tick, but to wake for nothing costs ten seconds of an awake object, which is more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roost.contract.address import Address
from roost.contract.errors import TransientError
from roost.engine.retries import FIRST
from roost.ports import Host

from . import interop

SELDOM: Final = 3600.0
"""Seconds of the longest pause between two looks at what nobody takes care of."""
SETTLED: Final = 1.0
"""Seconds after which an alarm that is too early is moved."""


class ObjectAlarms:
    """The alarm of the object of one agent."""

    def __init__(
        self,
        ctx: interop.Js,
        host: Host,
        jobs: Callable[[], float | None] = lambda: None,
        stored: Callable[[], float | None] = lambda: None,
    ) -> None:
        """`jobs`: when the first job is due. `stored`: what the agent is armed for. Both as the tables say."""
        self._ctx = ctx
        self._host = host
        self._at: float | None = None
        self._own: float | None = None
        self._told = False
        """`_own` is what the agent is armed for."""
        self._job: float | None = None
        self._job_told = False
        """`_job` is when somebody must look at its jobs."""
        self._jobs = jobs
        self._stored = stored
        self._wanted: float | None = None
        self._known = False
        """Whether `_at` is the platform's. To ask would end the turn, and a death could come between the two writes."""
        self._moving = False
        self.sets = 0

    @property
    def pending(self) -> bool:
        """An alarm has been set since the last one."""
        return self._known and self._at is not None

    async def arm(self, address: Address, at: float | None) -> None:
        self._own, self._told = at, True
        await self._arm()

    async def arm_jobs(self, address: Address, at: float | None) -> None:
        self._job, self._job_told = at, True
        self._recall()
        await self._arm()

    async def again(self, now: float) -> None:
        """An alarm went off for one of the two: the other is still to come. What is due and nobody took care of (the
        code is gone) is tried ever less often; how long it is due already is all that outlives the object's memory."""
        if self.pending:
            return
        self._recall()
        at = self._first()
        if at is not None:
            await self._set(at if at > now else now + min(SELDOM, max(FIRST, now - at)))

    def jobs(self) -> float | None:
        """When somebody must look at the jobs."""
        return self._job if self._job_told else self._jobs()

    def _recall(self) -> None:
        if not self._told:
            self._own, self._told = self._stored(), True

    def _first(self) -> float | None:
        jobs, own = self.jobs(), self._own
        return jobs if own is None else own if jobs is None else min(own, jobs)

    async def _arm(self) -> None:
        at = self._wanted = self._first()
        if not self._known or (at is not None and (self._at is None or at < self._at)):
            await self._set(at)
        elif at != self._at and not self._moving:
            self._moving = True
            self._host.call_later(SETTLED, self._move)

    def _move(self) -> None:
        self._moving = False
        self._host.spawn(self._settle())

    async def _settle(self) -> None:
        if self._wanted != self._at:  # as it is now: a commit may have armed since the timer went off
            await self._set(self._wanted)

    async def _set(self, at: float | None) -> None:
        self._at, self._known = at, True
        self.sets += 1
        try:
            await interop.set_alarm(self._ctx, at)
        except Exception as error:  # then nothing is known of it, and the same time is set again
            self._known = False
            raise TransientError(f"the platform refused the alarm: {error}", code="no-alarm") from error

    def fired(self) -> None:
        """The platform's alarm goes off: it is spent when its handler ends."""
        self._at, self._known = None, True
