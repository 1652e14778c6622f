"""The function `jobs` of hosts that share a table: its queue, and processes of its own (template.yaml).

A message is hidden from the others while somebody has it, and comes back when that time is over, whoever has it: so a
dead executor is replaced, and one that was frozen for long meets its successor.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final

from roost.contract.errors import RoostError
from roost.engine.jobs.hold import CLAIM
from roost_lambda.bells import JobBell
from roost_lambda.carrying import carry

from .worker import Worker

if TYPE_CHECKING:
    from .fleet import Fleet

MOST: Final = 4
"""Jobs that are carried out at once: `JobConcurrency`."""
HIDDEN: Final = 900.0
"""Seconds for which a message is hidden, if nobody says otherwise, and how often it is delivered."""
RECEIVES: Final = 10
LIVES: Final = (75.0, 900.0)
"""Seconds that a process may take for a job: what a deployment gives it, and so little that jobs outlive it."""
CLAIMS: Final = (6.0, CLAIM)
"""Seconds of a claim. A process may stand still for longer, and then finds that others went on."""
STILL: Final = 4.0
"""Lengths of a claim for which a process stands still before it writes a row, most."""
UNHIDDEN: Final = 0.05
"""Share of the calls that were to hide a message and did not arrive, while anything fails."""


class JobMessage:
    """Fills `roost_lambda.job_message.Message`."""

    def __init__(self, queue: JobQueue, id: str, bell: JobBell) -> None:
        self.id = id
        self.times = 0
        self.bell = bell
        self.back = 0.0
        """When it is seen again, by the loop's clock."""
        self.spent = asyncio.Event()
        self.hidden = asyncio.Event()
        self._queue = queue

    async def hide(self, seconds: float) -> None:
        fleet = self._queue.fleet
        if fleet.faults.on and self._queue.rng.random() < UNHIDDEN:
            fleet.struck("queue", "unhidden")
            return
        self.back = fleet.loop.time() + max(0, round(seconds))
        self.hidden.set()


class JobQueue:
    """Of one world whose agents have jobs."""

    def __init__(self, fleet: Fleet) -> None:
        assert fleet.labours is not None
        self.fleet = fleet
        self.rng = fleet.labours.rng
        self.life = self.rng.choice(LIVES)
        self.lasts = self.rng.choice(CLAIMS)
        self._sent = 0

    def send(self, bell: JobBell, delay: float) -> None:
        fleet = self.fleet
        fleet.history.note("job-bell", f"{bell.address} {bell.uid} in {delay:.3f}")
        for n in range(2):
            if n and not (fleet.faults.on and self.rng.random() < fleet.setting.duplicates / 2):
                return
            if n:
                fleet.struck("queue", "duplicate")
            self._sent += 1
            message = JobMessage(self, f"m{self._sent}", bell)
            late = self.rng.random() * 10 if fleet.faults.on and self.rng.random() < 0.05 else 0.0
            pause = max(0, math.ceil(delay)) + self.rng.random() * 0.3 + late
            fleet.loop.create_task(self._deliver(message, pause))

    async def _deliver(self, message: JobMessage, pause: float) -> None:
        """Until it is spent, or was delivered too often."""
        fleet, time = self.fleet, self.fleet.loop.time
        await asyncio.sleep(pause)
        while message.times < RECEIVES:
            worker = fleet.carrier(MOST)
            if worker is None:
                await asyncio.sleep(1.0 + self.rng.random())
                continue
            message.times += 1
            message.back = time() + HIDDEN
            fleet.loop.create_task(self._carry(worker, message))
            while message.back > time() and not message.spent.is_set():
                message.hidden.clear()
                waits = [asyncio.ensure_future(x.wait()) for x in (message.spent, message.hidden)]
                await asyncio.wait(waits, timeout=message.back - time(), return_when=asyncio.FIRST_COMPLETED)
                for one in waits:
                    one.cancel()
            if message.spent.is_set():
                return
            fleet.history.note("job-message-again", f"{message.bell.address} {message.bell.uid} {message.times}")
        fleet.history.note("job-message-dead", f"{message.bell.address} {message.bell.uid}")

    async def _carry(self, worker: Worker, message: JobMessage) -> None:
        fleet, bell = self.fleet, message.bell
        fleet.history.note("carry", f"{worker.host.name} {bell.address} {bell.uid} {message.times}")
        until = worker.host.monotonic() + self.life
        try:
            if await fleet.over(worker, carry(worker.backend, bell, message, until, self.lasts), self.life):
                message.spent.set()
        except RoostError as error:
            fleet.history.note("invocation-failed", error.code)


def deadly(worker: Worker) -> None:
    """Have the process die with a row that it has just written, or stand still before it writes one, now and then."""
    fleet, journal, process = worker.fleet, worker.backend.store.journal, worker.process
    append, stream = journal.append, journal.stream

    def strikes() -> bool:
        found = fleet.labours
        return found is not None and fleet.faults.on and found.rng.random() < found.kills

    async def still(call: str) -> None:
        if fleet.jobs is not None and worker.carries and strikes():
            fleet.struck(call, "freeze")
            process.freeze()
            fleet.loop.call_later(fleet.jobs.rng.random() * STILL * fleet.jobs.lasts, process.thaw)
            await process.dead()

    async def appending(*given: Any, **more: Any) -> bool:
        await still("journal.append")
        done = await append(*given, **more)
        if done and strikes():
            fleet.struck("journal.append", "crash-after")
            fleet.kill(worker)
            await process.dead()
        return done

    async def streaming(*given: Any) -> bool:
        await still("journal.stream")
        return await stream(*given)

    vars(journal).update(append=appending, stream=streaming)
