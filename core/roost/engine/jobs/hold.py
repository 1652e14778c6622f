"""One executor's claim on one job: taken, renewed, let go; and what is written under it.

The position is the fence (docs/decisions/011): whoever lost the job learns it by its next append or renewal, and
nothing of what it does afterwards counts. A host that owns its agents need not renew: no other can have the job, and
what happens to it happens in this process, which says so (`rang`, `gone`).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ...contract.commit import Busy
from ...contract.errors import Fenced, LimitExceeded, RoostError, TransientError
from ...contract.job import Claim, Claimed, Job

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...contract.journal import JournalRow
    from ...ports import Future, Timer
    from .needs import Needs

T = TypeVar("T")

CLAIM: Final = 30.0
"""Seconds a claim lasts. It is renewed after a third of them; whoever could not stops what it runs a sixth before its
end."""
LONGEST: Final = 300.0
"""Seconds of the longest claim of a host that owns its agents. Nobody else may take the job, whenever the claim ends:
who looks at what is due looks again then, ever less often."""
AGAIN: Final = 1.0
"""Seconds between two tries of a write whose answer was lost, or that failed."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a job can't go on with this code."""

    error: RoostError
    bell: int
    """As it was then: a ring is heard all the same, for it may be a cancellation."""


class Desk(Protocol):
    """Who carries out the jobs of the host."""

    runtime: Needs
    owner: str
    sole: bool
    troubles: dict[tuple[Address, str], Trouble]
    wrote: Callable[[Address, str, JournalRow], object]

    def look(self, address: Address) -> None: ...
    def failed(self, address: Address, uid: str) -> None: ...
    def later(self, address: Address, seconds: float) -> None: ...
    async def armed(self, address: Address) -> None: ...


class Lost(Exception):
    """Another executor has the job, or it is no more."""


class Hold:
    """See the file's head."""

    def __init__(self, executor: Desk, address: Address, uid: str) -> None:
        self.executor = executor
        self.runtime = executor.runtime
        self.host = executor.runtime.host
        self.journal = executor.runtime.store.journal
        self.address = address
        self.uid = uid
        self.what = f"{address} job {uid}"
        self.claim: Claim
        self.lasts = CLAIM
        """Seconds of a claim."""
        self.job: Job
        self.args = b""
        self.steps: dict[str, Timer] = {}
        self.bell = 0
        """As last read, with the notes before it."""
        self.until = 0.0
        """Until when the claim is surely ours: by `Host.monotonic`."""
        self.stopping = False
        """It is let go, whatever runs."""
        self.outdated = False
        self.free = False
        """It was let go."""
        self._woken: Future[None] | None = None
        self._stirred = False

    # What others tell it -------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something happened."""
        self._stirred = True
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def rang(self) -> None:
        """Somebody told the job something."""
        self.bell = -1
        self.wake()

    def gone(self) -> None:
        """The job is no more."""
        self.outdated = True
        self._stop_steps()  # at once: an append may still wait for its answer
        self.wake()

    # The claim -----------------------------------------------------------------------------------------

    async def _claim(self) -> bool:
        now = self.host.now()
        begun = self.host.monotonic()
        found = await self._insist(
            partial(
                self.journal.claim,
                self.address,
                self.uid,
                self.executor.owner,
                now,
                now + self.lasts,
                self.executor.sole,
            )
        )
        if not isinstance(found, Claimed):
            if isinstance(found, Busy):
                self.executor.later(self.address, max(AGAIN, found.until - now))
            return False
        self.claim, self.job, self.args = found.claim, found.job, found.args
        self.bell = found.job.bell
        self.until = inf if self.executor.sole else begun + self.lasts * 5 / 6
        return True

    async def put_off(self) -> None:
        """Of a host that owns its agents: the claim's end came, and somebody looked. It is made to come later."""
        if self.until and not self.free:
            self.lasts, now = min(LONGEST, 2 * self.lasts), self.host.now()
            with suppress(RoostError):
                await self.journal.renew(self.claim, now, now + self.lasts)

    async def _renewing(self) -> None:
        while True:
            await self.host.sleep(self.lasts / 3)
            begun = self.host.monotonic()
            now = self.host.now()
            try:
                async with self.host.timeout(max(0.0, self.until - begun)):
                    job = await self.journal.renew(self.claim, now, now + self.lasts)
            except (TransientError, TimeoutError) as error:
                if isinstance(error, Fenced) or self.host.monotonic() >= self.until:
                    self.gone()
                    return
                continue
            self.until = begun + self.lasts * 5 / 6
            self.renewed()
            if job.bell != self.bell:
                self.bell = -1
            self.wake()

    async def _as_it_is(self) -> Job:
        """The job now, its bell too; the claim lasts on."""
        if not self.executor.sole:
            now = self.host.now()
            return await self._insist(partial(self.journal.renew, self.claim, now, now + self.lasts))
        found = await self._insist(partial(self.journal.job, self.address, self.uid))
        if not isinstance(found, Job):
            raise Lost
        return found

    def renewed(self) -> None:
        """The claim lasts on."""

    async def _let_go(self, bell: int | None, due: float | None) -> bool:
        self.free = await self._insist(partial(self.journal.let_go, self.claim, bell, due))
        await self.executor.armed(self.address)
        return self.free

    def _stop_steps(self) -> None:
        tasks = [*self.steps.values()]
        self.steps.clear()
        for task in tasks:
            task.cancel()

    # Writing -------------------------------------------------------------------------------------------

    async def _insist(self, write: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer of a write that may be made again. Lost: it is not ours to make any more."""
        while True:
            try:
                return await write()
            except Fenced:
                raise Lost from None
            except LimitExceeded as error:
                if error.limit not in ("mailbox", "mailbox_share"):
                    raise
            except TransientError as error:
                if error.code == "shutting-down":
                    raise Lost from None
            if self.outdated or (self.until and self.host.monotonic() >= self.until):
                raise Lost
            await self.host.sleep(AGAIN)

    async def _plainly(self, call: Callable[[], T]) -> T:
        """From a plain callback of the loop, where a body may run."""
        future: Future[T] = self.host.future()

        def run() -> None:
            if future.done():
                return
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)

        self.host.call_soon(run)
        found: T = await future
        return found
