"""One process of a function: the real Lambda backend over calls that meet faults, frozen while no invocation runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from roost.contract.address import Address
from roost.contract.commit import AlreadyHandled, Commit, Committed, Envelope, Frame, Letter
from roost.contract.errors import TransientError
from roost.contract.operators import Operators
from roost.ports import Timeout
from roost.testing.clock import VirtualTimeout
from roost.testing.faults import Faults
from roost_lambda import keys
from roost_lambda.backend import LambdaBackend
from roost_lambda.bells import JobBell
from roost_lambda.client import TIMEOUT, Lost, Reason, Refused
from roost_lambda.desk import HOLD
from roost_lambda.frame_lanes import Lanes
from roost_lambda.gateway import ApiGateway
from roost_lambda.head import head
from roost_lambda.sockets import HANG_UPS, Sockets
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

from .dynamo import TABLE
from .host import SimHost
from .world import Machine

if TYPE_CHECKING:
    from .fleet import Fleet

T = TypeVar("T")
LATENCY: Final = 0.02
"""Seconds of a call, most: what hosts do falls between one another."""
GHOST: Final = 8.0
"""Seconds after which a call whose answer was lost may still take effect, most."""
GHOSTS: Final = 0.25
"""Share of the lost answers whose call takes effect after the caller gave it up."""
FREEZES: Final = 0.3
"""Share of the delays in which the whole process stands still."""
READS: Final = frozenset({"get_item", "query", "batch_get_item", "transact_get_items"})


class FleetHost(SimHost):
    """A process that can be frozen: its calls are not made and not heard, its timers wait."""

    def __init__(self, name: str, rng: Random, broken: Callable[[BaseException], None]) -> None:
        super().__init__(name, rng, broken)
        self._thawed: asyncio.Future[None] | None = None
        self._late: list[Callable[[], object]] = []

    @property
    def frozen(self) -> bool:
        return self._thawed is not None

    def freeze(self) -> None:
        if self._thawed is None:
            self._thawed = self.loop.create_future()

    def thaw(self) -> None:
        """Whatever was due meanwhile is due now."""
        if self._thawed is not None:
            self._thawed.set_result(None)
            self._thawed = None
            late, self._late = self._late, []
            for call in late:
                self.loop.call_soon(self._living, call)

    def _living(self, call: Callable[[], object]) -> None:
        if self.frozen:
            self._late.append(call)
        else:
            super()._living(call)

    async def dead(self) -> None:
        """Waits while the process is frozen; ends the caller if it is dead."""
        while self._thawed is not None and self.alive:
            await asyncio.shield(self._thawed)
        if not self.alive:
            raise asyncio.CancelledError

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)
        await self.dead()

    def timeout(self, seconds: float, /) -> Timeout:
        return VirtualTimeout(self, seconds)

    def run(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """An invocation, in this process."""
        task = self.loop.create_task(work)
        self._running[task] = None
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            task.exception()  # whoever invoked it is told, if it is still there

    def die(self) -> None:
        super().die()
        if self._thawed is not None:
            self._thawed.set_result(None)
            self._thawed = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a host's calls: refused; done and not heard; done long after; slow; the host's own end."""

    faults: Faults
    host: FleetHost
    rng: Random
    struck: Callable[[str, str], None]
    """Told of what is no fault of `faults`: (call, what)."""
    crash: Callable[[], None]
    late: Callable[[Callable[[], object]], None]
    """Makes a call whose sender has given it up."""

    async def on(
        self, name: str, act: Callable[[], T], fail: Callable[[], Exception], lost: Exception, *, ghosts: bool = False
    ) -> T:
        """`act()`, with whatever strikes it. `fail`: the refusal; `lost`: no answer came."""
        host, rng = self.host, self.rng
        await host.dead()
        fault = self.faults.draw(name)
        if fault == "crash-before":
            self.crash()
            await host.dead()
        late = fault == "delay" and rng.random() < 0.5
        if fault == "delay" and not late:
            await self._slow(name)
        await asyncio.sleep(LATENCY * rng.random())
        if not host.alive:
            raise asyncio.CancelledError
        if fault == "fail":
            raise fail()
        if fault == "lose" and ghosts and rng.random() < GHOSTS:
            self.struck(name, "ghost")
            host.loop.call_later(rng.random() * GHOST, partial(self.late, act))
            await asyncio.sleep(rng.random() * TIMEOUT)
            await host.dead()
            raise lost
        answer: T | None = None
        refused: Exception | None = None
        try:
            answer = act()
        except Refused as no:
            refused = no
        if fault == "crash-after":
            self.crash()
        if late:
            await self._slow(name)
        if fault == "lose":
            await asyncio.sleep(rng.random() * TIMEOUT)
            await host.dead()
            raise lost
        await host.dead()
        if refused is not None:
            raise refused
        return cast(T, answer)

    async def _slow(self, name: str) -> None:
        if self.rng.random() < FREEZES:
            self.struck(name, "freeze")
            self.host.freeze()
            self.host.loop.call_later(self.rng.random() * 2 * HOLD, self.host.thaw)
        else:
            await asyncio.sleep(self.faults.pause())
        await self.host.dead()


class ObservedStore(DynamoStore):
    """Says which commit is under way."""

    def __init__(self, table: Table, log_limit: int, now: Callable[[], float]) -> None:
        super().__init__(table, log_limit, now=now)
        self.under_way: dict[Address, Commit] = {}

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        self.under_way[commit.address] = commit
        try:
            return await super().commit(commit)
        finally:
            self.under_way.pop(commit.address, None)


class HostCalls:
    """Fills `Calls`: one host's way to DynamoDB."""

    def __init__(self, fleet: Fleet, fate: Fate) -> None:
        self._fleet = fleet
        self._fate = fate
        self.store: ObservedStore | None = None

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        assert self.store is not None
        if operation in ("update_item", "transact_write_items"):
            self._fleet.ledger.asked(self.store.under_way, params)
        return await self._fate.on(
            f"dynamo.{operation}", partial(self._fleet.dynamo.call, operation, params),
            partial(self._refusal, operation, params), Lost("injected"), ghosts=operation not in READS,
        )  # fmt: skip

    def _refusal(self, operation: str, params: Mapping[str, Any]) -> Exception:
        x = self._fate.rng.random()
        if x < 0.3:
            return Lost("injected: not sent")
        if x < 0.6 and operation == "transact_write_items":
            conflict = tuple(Reason("TransactionConflict", None) for _ in params["TransactItems"])
            return Refused("TransactionCanceledException", "injected", reasons=conflict)
        if x < 0.6 and operation not in READS:
            return Refused("TransactionConflictException", "injected")
        return Refused("ThrottlingException", "injected")


class HostBells:
    """Fills `Bells`: one host's way to the queue."""

    def __init__(self, fleet: Fleet, fate: Fate) -> None:
        self._fleet = fleet
        self._fate = fate

    async def ring(self, address: Address, delay: float, wake: float | None = 0.0) -> None:
        error = TransientError(f"injected: the bell of {address} did not ring", code="bell")
        await self._fate.on("bells.ring", partial(self._fleet.queue.send, address, delay, wake), lambda: error, error)

    async def ring_job(self, bell: JobBell, delay: float) -> None:
        error = TransientError(f"injected: the bell of the job {bell.uid} did not ring", code="bell")
        jobs = self._fleet.jobs
        assert jobs is not None, f"no agent of this seed has jobs, and {bell.address} has one"
        await self._fate.on("bells.ring", partial(jobs.send, bell, delay), lambda: error, error)


class _Unsent(Exception):
    """A frame is lost, or may be: API Gateway's errors are logged, and nobody waits for frames."""


class HostWire:
    """Fills `Wire`, and what the socket function asks of `Sockets`: one host's way to API Gateway."""

    def __init__(self, fleet: Fleet, fate: Fate) -> None:
        self._fleet = fleet
        self._fate = fate
        self.backend: LambdaBackend | None = None

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        life = self._fleet.model.life(address)
        if version > life.version:
            self._fleet.model.broken("gate", f"{address}: frames of version {version} before it is durable")
        # Its host should have seen that it has lost the agent; of clocks that differ it can't. Who is frozen in the
        # very call can't either: another host may have taken the agent, and begun a stream anew.
        fleet, fence = self._fleet, self._fence(address)
        stale = life.version > version and not fleet.skewed

        def ordered() -> bool:
            if not version:
                return stale and self._fence(address) == fence
            return stale or life.version <= version

        gone: list[str] = []
        for frame in frames:
            for cid in frame.to:
                if cid not in gone and not await self._post(cid, frame.data, ordered):
                    gone.append(cid)
        return gone

    def _fence(self, address: Address) -> int:
        return head(self._fleet.dynamo.item(keys.partition(address), keys.HEAD)).fence

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        await self._hang_up(cid, code, reason)

    def _closed(self, cid: str, code: int, reason: str) -> bool:
        socket = self._fleet.sockets.get(cid)
        if socket is not None:
            socket.close(code, reason)
        return True

    def open(self, address: Address) -> Mapping[str, int] | None:
        return None

    async def post(self, cid: str, queue: Sequence[bytes], *, greeting: bool = False) -> bool:
        for data in queue:
            if not await self._post(cid, data, lambda: True):
                return False
        return True

    async def _post(self, cid: str, data: bytes, ordered: Callable[[], bool]) -> bool:
        def there() -> bool:
            socket = self._fleet.sockets.get(cid)
            if socket is None or not socket.open:
                return False
            socket.take(data, ordered())
            return True

        try:
            if await self._fate.on("wire.send", there, _Unsent, _Unsent()):
                return True
        except _Unsent:  # as `Sockets`: a connection has no hole
            for _ in range(HANG_UPS):
                if await self._hang_up(cid, 1001, "unsent"):
                    break
            else:
                return True
        assert self.backend is not None
        await self.backend.unbind(cid)
        return False

    async def _hang_up(self, cid: str, code: int, reason: str) -> bool:
        with suppress(_Unsent):
            return await self._fate.on("wire.close", partial(self._closed, cid, code, reason), _Unsent, _Unsent())
        return False


class Worker(Machine):
    """See the file's head. `running`: invocations. `carries`: it is of the function `jobs`."""

    def __init__(self, fleet: Fleet, host: FleetHost, crash: Callable[[], None], carries: bool = False) -> None:
        rng = Random(fleet.rng.getrandbits(32))
        self.fleet = fleet
        self.running = 0
        self.carries = carries
        fate = Fate(fleet.faults, host, rng, fleet.struck, crash, fleet.ledger.late)
        calls = HostCalls(fleet, fate)
        table = Table(TABLE, calls, clock=host.loop.time, sleep=host.sleep, random=Random(rng.getrandbits(32)))
        store = calls.store = ObservedStore(table, fleet.setting.log_limit, host.now)
        wire = HostWire(fleet, fate)
        self.backend = wire.backend = LambdaBackend(
            fleet.app(fleet.release()),
            store,
            wire,
            HostBells(fleet, fate),
            fleet.outside,
            host,
            restless=fleet.setting.restless,
        )
        super().__init__(host, self.backend.runtime, fleet.loop.create_future())
        lanes = Lanes(table, host.now, host.sleep, host.monotonic)
        self.edge = ApiGateway(self.backend, cast(Sockets, wire), lanes, fleet.invoke_later, Operators())
        self._watch()

    def _watch(self) -> None:
        """Say what is delivered, and what is acknowledged."""
        fleet, runtime = self.fleet, self.backend.runtime
        posted: dict[str, Letter] = {}
        deliver, park, leases = self.backend.courier.deliver, runtime.park, runtime.leases
        assert leases is not None
        post = leases.post

        async def delivered(envelope: Envelope) -> None:
            if envelope.id not in fleet.model.sent:
                fleet.model.broken("gate", f"the envelope {envelope.id} left before it was durable")
            await deliver(envelope)
            fleet.history.note("delivered", envelope.id)
            fleet.delivered.add(envelope.id)

        async def posting(address: Address, letter: Letter, limit: int, armed: float | None) -> tuple[Letter, float]:
            kept, until = await post(address, letter, limit, armed)
            posted[letter.id] = kept
            return kept, until

        async def parked(address: Address, letter: Letter) -> None:
            await park(address, letter)
            fleet.model.acknowledged(address, posted[letter.id], fleet.sight(address), fleet.now())

        vars(self.backend.courier)["deliver"] = delivered
        vars(leases)["post"] = posting
        vars(runtime)["park"] = parked

    @property
    def process(self) -> FleetHost:
        assert isinstance(self.host, FleetHost)
        return self.host
