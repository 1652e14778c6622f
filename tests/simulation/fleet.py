"""Hosts that share one table: the Lambda design whole, with its queue, its stream, its sweeper and its sockets.

An invocation goes to any worker. Where workers are exclusive each runs one at a time and is frozen in between, as
functions are; otherwise one process takes many at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from roost.contract.address import Address
from roost.contract.commit import DeadLetter
from roost.contract.errors import RoostError, TransientError
from roost.contract.job import Job
from roost.testing.faults import Faults
from roost_lambda.events import Closed, Framed, Opened, decode

from .dynamo import Dynamo
from .expression import Item
from .gateway import Socket
from .history import History
from .job_fleet import JobQueue, deadly
from .ledger import Ledger
from .life import Sight
from .worker import FleetHost, Worker
from .world import Machine, World

if TYPE_CHECKING:
    from .setting import Setting

T = TypeVar("T")
LIMIT: Final = 30.0
"""Seconds of an invocation, after which its process is killed (template.yaml)."""
MARGIN: Final = 1.5
MOST: Final = 8
"""Workers there may be at once."""
VISIBLE: Final = 30.0
"""Seconds after which a message that failed comes again, and how often it may (template.yaml)."""
RECEIVES: Final = 10
FAR: Final = 900.0
RETRIES: Final = 5
"""Of a batch of the stream, and of an asynchronous invocation 2, a minute apart."""
MINUTE: Final = 60.0


class Fleet(World):
    """See the file's head."""

    patience = 700.0

    def __init__(self, setting: Setting, rng: Random, history: History, faults: Faults) -> None:
        super().__init__(setting, rng, history, faults)
        self.machines: list[Machine] = []
        self._dead: list[Any] = []
        self.exclusive = rng.random() < 0.5
        self.skewed = rng.choice([0.0, 0.0, 0.3, 3.0]) if faults.on else 0.0
        self.model.shared = True
        self.model.backwards = self.skewed > 0
        self.dynamo = Dynamo(rng.choice([2, 25, 1000]))
        self.ledger = Ledger(self.dynamo, self.model, self.now, self.delivered, setting.log_limit)
        self.ledger.skewed = self.skewed
        self.dynamo.watch = self.ledger.wrote
        self.sockets: dict[str, Socket] = {}
        self.gateway.told = self._left
        self.queue = Queue(self)
        self.jobs: JobQueue | None = None
        self.stream = Stream(self)
        self.ledger.sent = self.stream.append
        self.ledger.belled = lambda address, wake: (address, wake) in self.queue.wakes
        self.loop.call_later(MINUTE * rng.random(), self._sweep)

    def struck(self, call: str, what: str) -> None:
        self.model.trouble += 1
        self.history.note(f"fault:{call}:{what}")

    def sight(self, address: Address) -> Sight:
        return self.ledger.sight(address)

    def toils(self) -> None:
        assert self.model.jobs is not None
        self.model.jobs.shared = True
        self.jobs = JobQueue(self)

    def jobs_left(self) -> Sequence[tuple[Address, Job]]:
        return [(address, job) for address in self.model.lives for job in self.ledger.jobs(address)]

    def graves(self, address: Address) -> Sequence[DeadLetter]:
        return self.ledger.graves(address)

    # Workers -----------------------------------------------------------------------------------------

    def boot(self) -> Worker:
        return self._boot(False)

    def _boot(self, carries: bool) -> Worker:
        self.booted += 1
        host = FleetHost(f"h{self.booted}", self.rng, self._defect)
        host.skew = self.skew + self.skewed * (self.rng.random() * 2 - 1)

        def crash() -> None:
            self.kill(worker)

        worker = Worker(self, host, crash, carries)
        self.machines.append(worker)
        self.history.note("boot", host.name)
        if self.labours is not None:
            deadly(worker)
        if self.exclusive:
            host.freeze()
        return worker

    def kill(self, machine: Machine) -> None:
        if machine.host.alive:
            self.history.note("crash", machine.host.name)
            self.model.trouble += 1
            machine.host.die()
            machine.runtime.halt()
            self.machines.remove(machine)
            self._dead += [machine, asyncio.all_tasks()]  # what waits in it for ever is kept, as the loop asks
            machine.gone.set_result(None)

    def end(self) -> None:
        for machine in self.machines:
            machine.host.die()
            machine.runtime.halt()

    def one(self) -> Machine:
        """A worker that takes an invocation: a new one where none is free, or there are few."""
        found = self._any(False, self.setting.hosts, MOST)
        if found is None:
            raise TransientError("the function is at its concurrency", code="throttled", retry_after=0.5)
        return found

    def carrier(self, most: int) -> Worker | None:
        """A process of the function `jobs`, of so many at most, that has nothing to do. None: each has a job."""
        return self._any(True, 0, most)

    def _any(self, carries: bool, few: int, most: int) -> Worker | None:
        mine = [m for m in self.machines if isinstance(m, Worker) and m.carries == carries]
        free = [m for m in mine if not ((self.exclusive or carries) and m.running)]
        if len(mine) < few or (not free and len(mine) < most):
            return self._boot(carries)
        return self.rng.choice(free) if free else None

    async def over(self, machine: Machine, call: Coroutine[Any, Any, T], limit: float = LIMIT) -> T:
        """One invocation. It goes on when whoever waits for it is gone."""
        assert isinstance(machine, Worker)
        task = machine.process.run(call)
        machine.running += 1
        if self.exclusive:
            machine.process.thaw()
        end = self.loop.call_later(limit, self._overran, machine, task)
        task.add_done_callback(partial(self._ended, machine, end))
        await asyncio.wait((task, machine.gone), return_when=asyncio.FIRST_COMPLETED)
        if task.done() and not task.cancelled():
            return task.result()
        raise TransientError("the function died", code="lost", retry_after=0.1)

    def _ended(self, worker: Worker, limit: asyncio.TimerHandle, task: asyncio.Task[Any]) -> None:
        limit.cancel()
        worker.running -= 1
        if self.exclusive and not worker.running and worker.host.alive:
            worker.process.freeze()

    def _overran(self, worker: Worker, task: asyncio.Task[Any]) -> None:
        """Time is over. A process that was frozen whole gets to see it, now and then."""
        if task.done() or not worker.host.alive:
            return
        if worker.process.frozen and self.rng.random() < 0.8:
            self.loop.call_later(2.0, self._overran, worker, task)
            return
        self.struck("host", "overran")
        self.kill(worker)

    def invoke(self, work: Callable[[Worker], Coroutine[Any, Any, T]], retries: int = 0, pause: float = MINUTE) -> None:
        """An invocation that nobody waits for; a failed one comes again."""
        self.loop.create_task(self._invoke(work, retries, pause))

    async def _invoke(self, work: Callable[[Worker], Coroutine[Any, Any, T]], retries: int, pause: float) -> bool:
        while True:
            try:
                worker = self.one()
                assert isinstance(worker, Worker)
                await self.over(worker, work(worker))
                return True
            except RoostError as error:
                self.history.note("invocation-failed", error.code)
            if not retries:
                return False
            retries -= 1
            await asyncio.sleep(pause * (0.5 + self.rng.random()))

    def until(self, worker: Worker) -> float:
        """When an invocation that starts now must be done, by its worker's clock."""
        return worker.host.monotonic() + LIMIT - MARGIN

    # Doorbells, stream, sweeper ----------------------------------------------------------------------

    def _sweep(self) -> None:
        async def sweep(worker: Worker) -> None:
            rung = await worker.backend.sweep(self.until(worker))
            self.history.note("sweep", str(rung))

        self.invoke(sweep)
        self.loop.call_later(MINUTE, self._sweep)

    # Connections -------------------------------------------------------------------------------------

    async def invoke_later(self, event: Mapping[str, Any]) -> None:
        """Fills `Again`: an asynchronous invocation of the socket function."""
        happened = decode(event)
        self.invoke(lambda worker: worker.edge.handle(happened, self.until(worker)), retries=2)

    async def connect(self, address: Address) -> Socket:
        """$connect lets everybody in; the invocation after it greets."""
        cid = f"{self.rng.getrandbits(32):08x}"
        socket = self.sockets[cid] = Socket(self.gateway, address, cid)
        self.gateway.add(socket)
        self.history.note("connect", f"{cid} {address}")
        opened = Opened(cid, {"agent": address.kind, "name": address.key, "_pk": cid}, {}, "")
        self.invoke(lambda worker: worker.edge.handle(opened, self.until(worker)), retries=2)
        return socket

    def served(self, socket: Socket) -> bool:
        return socket.open

    @property
    def overtaking(self) -> bool:
        return True

    def frame(self, socket: Socket, text: str) -> None:
        """Every frame is an invocation of its own; nobody tries it again."""
        framed = Framed(socket.cid, text)
        self.invoke(lambda worker: worker.edge.handle(framed, self.until(worker)))

    def _left(self, socket: Socket) -> None:
        closed = Closed(socket.cid, 1006, "")
        self.sockets.pop(socket.cid, None)
        self.invoke(lambda worker: worker.edge.handle(closed, self.until(worker)))


class Queue:
    """The queue of doorbells: at least once, at any time after the delay, in no order."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.far: dict[Address, float] = {}
        """Schedules of EventBridge: beyond the end of every run."""
        self.wakes: set[tuple[Address, float | None]] = set()
        """For which a doorbell was ever sent."""

    def send(self, address: Address, delay: float, wake: float | None) -> None:
        fleet = self._fleet
        fleet.history.note("bell", f"{address} in {delay:.3f}")
        self.wakes.add((address, wake))
        if delay > FAR:
            self.far[address] = fleet.now() + delay
            return
        self._later(address, max(0, math.ceil(delay)) + fleet.rng.random() * 0.3, wake)
        if fleet.faults.on and fleet.rng.random() < fleet.setting.duplicates:
            fleet.struck("queue", "duplicate")
            self._later(address, max(0, math.ceil(delay)) + fleet.rng.random() ** 2 * 30, wake)

    def _later(self, address: Address, delay: float, wake: float | None) -> None:
        def drain(worker: Worker) -> Coroutine[Any, Any, None]:
            fleet.history.note("drain", f"{worker.host.name} {address}")
            return worker.backend.drain(address, fleet.until(worker), wake)

        fleet = self._fleet
        if fleet.faults.on and fleet.rng.random() < 0.05:
            fleet.struck("queue", "late")
            delay += fleet.rng.random() * 10
        fleet.loop.call_later(delay, partial(fleet.invoke, drain, RECEIVES - 1, VISIBLE))


class Stream:
    """The table's stream, filtered to new envelopes: in order, at least once, a second or so behind."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._rows: list[Item] = []

    def append(self, row: Item) -> None:
        if not self._rows:
            fleet = self._fleet
            behind = fleet.rng.random() ** 4 * 20 if fleet.faults.on else 1.0
            fleet.loop.call_later(1.0 + behind, self._flush)
        self._rows.append(row)

    def _flush(self) -> None:
        images, self._rows = self._rows, []
        left = [images]

        async def relay(worker: Worker) -> None:
            failed = await worker.backend.relay([dict(x) for x in left[0]])
            self._fleet.history.note("relay", f"{len(left[0])} {len(failed)}")
            if failed:
                left[0] = left[0][failed[0] :]
                raise TransientError("some rows must come again", code="relay")

        self._fleet.invoke(relay, RETRIES, 1.0)
