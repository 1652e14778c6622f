"""How an executor is done with a job: its end is told to the agent, or it waits for code that it can go on with."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ...contract.commit import Letter
from ...contract.errors import RoostError, Unreadable
from ...contract.job import Job
from ...contract.journal import JournalRow, write
from ...contract.trigger import JOB_END
from .asking import Asking
from .body import Body
from .execution import Execution, ended_by
from .hold import Desk, Lost, Trouble

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...contract.journal import Fact
    from .loop import BodyLoop

LATER: Final = 3600.0
"""Seconds after which a job that can't go on is looked at again: its code is gone, or is other code."""


class Ending(Asking):
    """A hold on a job that ends."""

    def __init__(self, executor: Desk, address: Address, uid: str) -> None:
        super().__init__(executor, address, uid)
        self.rows: list[JournalRow] = []
        """As far as they are needed: of a restless host all."""

    async def _ended(self) -> bytes:
        last: list[Fact] = [fact for row in self.rows for fact in row.facts if fact.kind == "ended"]
        if not last:
            if not isinstance(await self.journal.job(self.address, self.uid), Job):
                raise Lost  # its end was committed after it was claimed, and took the rows along
            raise Unreadable(f"{self.what} has ended, but no row of its journal says how")
        return last[-1].data

    async def _over(self, outcome: bytes) -> None:
        """Its last row is written: the agent is told, by a letter whose commit is the end of the job."""
        letter = Letter(
            f"{self.uid}/end", "admin", "", JOB_END, b'{"args":["%s",%s],"kwargs":{}}' % (self.uid.encode(), outcome),
            internal=True,
        )  # fmt: skip
        await self._insist(partial(self.runtime.park, self.address, letter))
        await self._let_go(None, self.host.now() + LATER)

    async def _troubled(self, error: RoostError) -> None:
        """It can't go on with this code: nothing is lost, and it waits for other code, or a cancellation."""
        job, now = self.job, self.host.now()
        notes = [note for note in await self.journal.notes(self.address, self.uid) if note.kind == "cancel"]
        if notes or now >= job.live.deadline:
            last = (self.rows[-1].position if self.rows else job.base) + 1
            execution = Execution(Body(_nothing, 0, now), self.executor.owner)
            execution.end(now, ended_by("cancelled" if notes else "deadline"))
            execution.position = last - 1
            row = execution.to_write()
            assert row is not None
            if await self._insist(partial(self.journal.append, self.claim, last, write(row.facts), ended=now)):
                await self._over(row.facts[0].data)
            return
        known = self.executor.troubles.get((self.address, self.uid))
        if known is None or known.error.message != error.message:
            self.runtime.log.error("%s (%s) waits: %s", self.what, job.live.name, error.message)
        self.executor.troubles[self.address, self.uid] = Trouble(error, self.bell)
        later = min(now + LATER, job.live.deadline)
        if self.executor.sole:  # kept, so that the next boot, which may have other code, tries it at once
            await self._insist(partial(self.journal.renew, self.claim, now, later))
        else:
            await self._let_go(self.bell, later)


async def _nothing_at_all() -> None: ...


def _nothing(loop: BodyLoop) -> Coroutine[Any, Any, None]:
    return _nothing_at_all()
