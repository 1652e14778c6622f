"""The function `jobs`: one message, one job, carried out until it waits, ends, or the function's time is up.

Whoever has a job keeps the message hidden that it was rung by; should it die, the message comes back, and another goes
on. The message is spent when the job is let go and its next bell is under way, or there is nothing to do any more. So a
job that nobody has and that is due at T has a bell for T, and one that somebody has has that one's message; the sweeper
finds what was lost all the same.

    the job is                      the message is
    gone, held, another's           spent
    claimed under this message      put back until the claim ends: its executor died, or it was delivered twice
    not due yet                     spent; another is sent, if this one was for that time
    due                             kept until the job is let go or ended
    lost, or can't be claimed       left: it comes again
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from roost.author.work import StepWork
from roost.contract.errors import Quarantined, RoostError
from roost.contract.job import Job
from roost.engine.due import load_state
from roost.engine.jobs.carrying import Carrying
from roost.engine.jobs.doing import ANSWER
from roost.engine.jobs.hold import AGAIN, CLAIM
from roost.engine.retries import FIRST, LONGEST

from .bells import JobBell

if TYPE_CHECKING:
    from collections.abc import Callable

    from roost.contract.address import Address
    from roost.contract.journal import JournalRow
    from roost.engine.jobs.execution import Execution
    from roost.engine.jobs.hold import Trouble
    from roost.engine.jobs.needs import Needs
    from roost.engine.jobs.ordered import PendingCall

    from .backend import LambdaBackend
    from .job_message import Message

LEAVE: Final = 30.0
"""Seconds before the function's end at which what still runs of a job is stopped: ticks that it began may end, and it
is let go."""
CANCELLED: Final = 5.0
"""Seconds that cancelled steps get to end."""
TURNS: Final = 3
FOLLOWED: Final = 30.0
"""Seconds, at most, for the last words to those who follow: of a job that ended its end's commit is waited for."""
HIDDEN: Final = 1.5
"""For how long its message is hidden, in lengths of a claim."""


async def carry(backend: LambdaBackend, bell: JobBell, message: Message, until: float, lasts: float = CLAIM) -> bool:
    """Do what a bell says. Whether its message is spent. `until`: the function's end, by `Host.monotonic`; `lasts`:
    seconds of a claim."""
    runtime, host = backend.runtime, backend.host
    try:
        job = await runtime.store.journal.job(bell.address, bell.uid)
        if not isinstance(job, Job) or job.held or not runtime.serves(bell.address.kind):
            return True
        now = host.now()
        if job.owner and job.until > now:
            if not job.owner.startswith(f"{message.id}/"):
                return True
            await message.hide(job.until - now + AGAIN)
            return False
        if job.due is not None and job.due > now:
            if message.times > 1 or bell.due == job.due:
                await backend.bells.ring_job(bell._replace(due=job.due), job.due - now)
            return True
        if await _quarantined(backend, bell.address):
            return True  # its job stays due: the sweeper rings, ever less often
        await message.hide(lasts * HIDDEN)
        return await _carry(backend, bell, message, until, lasts)
    except Exception as error:  # of the store, or of what the author opens for the agent
        trace = None if isinstance(error, RoostError) else error
        runtime.log.warning("%s job %s: can't go on for now: %s", bell.address, bell.uid, error, exc_info=trace)
        await message.hide(_pause(message))
        return False


def _pause(message: Message) -> float:
    pause: float = min(LONGEST, FIRST * 2.0 ** (message.times - 1))
    return pause


async def _quarantined(backend: LambdaBackend, address: Address) -> bool:
    runtime = backend.runtime
    found = await runtime.snapshot(address)
    try:
        load_state(runtime.kind(address.kind), found.state, found.state_version)
    except Quarantined:
        return True
    return False


async def _carry(backend: LambdaBackend, bell: JobBell, message: Message, until: float, lasts: float) -> bool:
    host, runtime = backend.host, backend.runtime
    desk = MessageDesk(backend, message)
    turns = 0
    while True:
        turns += 1
        work = Carried(desk, bell, until - LEAVE, lasts)
        edge = host.call_later(max(0.0, until - LEAVE - host.monotonic()), work.leave)
        try:
            await work.run()
        finally:
            edge.cancel()
            await work.over()
        if desk.again != 0.0 or turns == TURNS:
            break
        desk.again = None  # the executor before wrote a row while this one read: read on behind it
    for address in [*runtime.cells]:  # ticks of this agent, letters to others: nothing is left to a frozen process
        await runtime.quiet(address)
    await runtime.rung()
    if desk.again is not None:
        await runtime.following().rest(bell.address, bell.uid, 0.0)
        await message.hide(desk.again)
        return False
    if work.left is not None and not work.ended:
        await backend.bells.ring_job(bell._replace(due=work.left), max(0.0, work.left - host.now()))
    await runtime.following().rest(bell.address, bell.uid, FOLLOWED)  # the bells are rung: nothing waits for it
    return work.spent


class MessageDesk:
    """Fills `roost.engine.jobs.hold.Desk` for the job of one message."""

    sole = False

    def __init__(self, backend: LambdaBackend, message: Message) -> None:
        self.runtime: Needs = backend.runtime
        self.message = message
        self.kept = backend.store.journal
        self.owner = f"{message.id}/{backend.host.entropy():016x}"
        self.troubles: dict[tuple[Address, str], Trouble] = {}
        self.wrote: Callable[[Address, str, JournalRow], object] = lambda address, uid, row: None
        self.again: float | None = None
        """Seconds after which the message must come back."""

    def look(self, address: Address) -> None:
        """Jobs that are due have bells."""

    def later(self, address: Address, seconds: float) -> None:
        self.again = seconds

    def failed(self, address: Address, uid: str) -> None:
        self.again = _pause(self.message)

    async def armed(self, address: Address) -> None:
        """The next bell is rung when the executor is done."""


class Carried(Carrying):
    """A job that is carried out for as long as its function has time. `edge`: the end of that time, monotonic."""

    def __init__(self, desk: MessageDesk, bell: JobBell, edge: float, lasts: float) -> None:
        super().__init__(desk, bell.address, bell.uid)
        self.message = desk.message
        self.kept = desk.kept
        self.edge = edge
        self.lasts = lasts
        self.left: float | None = None
        """When the job is due that was let go."""
        self.ended = False
        self.begun: set[Any] = set()
        """Tasks of steps."""
        self.hiding = False

    @property
    def spent(self) -> bool:
        """The message has nothing to see to: the job was let go, or is no more."""
        return self.free or not hasattr(self, "claim")

    def leave(self) -> None:
        """The function's time is up."""
        self.stopping = True
        self.wake()

    def fits(self, call: PendingCall) -> bool:
        seconds = call.work.options.timeout if isinstance(call.work, StepWork) else ANSWER
        return self.host.monotonic() + seconds <= self.edge

    def renewed(self) -> None:
        if not self.hiding:
            self.hiding = True
            self.host.spawn(self._hide())

    async def _hide(self) -> None:
        try:
            await self.message.hide(self.lasts * HIDDEN)
        finally:
            self.hiding = False

    async def _let_go(self, bell: int | None, due: float | None) -> bool:
        if await super()._let_go(bell, due):
            self.left = None if self.job.held else due
        return self.free

    async def _over(self, outcome: bytes) -> None:
        self.ended = True  # its letter has a bell of its own
        await super()._over(outcome)

    async def _append(self, execution: Execution, row: JournalRow) -> None:
        """What was told to the job is heard with each row, and not only when the claim is renewed."""
        await super()._append(execution, row)
        seen = self.kept.seen
        if seen is not None and seen[0] is self.claim and seen[1] != self.bell:
            self.bell = -1

    def _begin(self, call: PendingCall) -> None:
        super()._begin(call)
        self.begun.add(self.steps[call.id])

    async def over(self) -> None:
        """Until all that it began has ended."""
        waiting = [task for task in self.begun if not task.done()]
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting, timeout=CANCELLED)
