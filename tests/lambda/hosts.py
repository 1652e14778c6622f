"""Hosts that share one table, as functions of a deployment do, in one process: each has a store, a memory, a runtime.

Time is real but can be set forward for all at once, so that leases end without being waited for.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel

from roost import Agent, App, Connection, Rejected, Request, Response, TransientError, action
from roost.contract.address import Address
from roost.contract.commit import Frame
from roost.fetch import Outbound
from roost.hosting.asyncio_host import AsyncioHost
from roost_lambda.backend import LambdaBackend
from roost_lambda.bells import Bells, JobBell
from roost_lambda.carrying import carry
from roost_lambda.client import Calls
from roost_lambda.store import DynamoStore
from roost_lambda.table import Table

UNSEEN = 900.0
"""Seconds for which the queue of jobs hides what it has delivered (template.yaml)."""


class Tally(BaseModel):
    count: int = 0
    seen: list[int] = []


class Counter(Agent[Tally]):
    """Counts, and can cause one of each effect."""

    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def pass_on(self, to: str) -> int:
        """State, a value, and a tell."""
        self.state.count += 1
        self.kv.put("last", self.state.count)
        self.tell(self.agent(Counter, to).increment)
        return self.state.count

    @action
    async def story(self, to: str) -> int:
        """One of each effect."""
        self.schedule("reminder", 90, self.ring)
        return await self.pass_on(to)

    @action
    async def remind(self, seconds: float) -> None:
        self.schedule("reminder", seconds, self.ring)

    @action
    async def remind_at(self, at: float, times: int = 1) -> None:
        """`times`: how often the ring sets itself again to the same instant, besides."""
        self.schedule("reminder", datetime.fromtimestamp(at, UTC), self.ring_at, at, times - 1)

    async def ring(self) -> None:
        self.state.count += 1

    async def ring_at(self, at: float, times: int) -> None:
        self.state.count += 1
        if times:
            await self.remind_at(at, times)

    @action
    async def fail(self) -> int:
        self.state.count += 1000
        raise TransientError("not now")

    stumbled: ClassVar[set[str]] = set()

    @action
    async def stumble(self) -> int:
        """Fails the first time."""
        if self.key not in self.stumbled:
            self.stumbled.add(self.key)
            raise TransientError("not yet")
        return await self.increment()


class Slow(Agent[Tally]):
    """Waits inside its tick until the test lets it go on."""

    gates: ClassVar[dict[str, tuple[asyncio.Event, asyncio.Event]]] = {}

    @action
    async def increment(self) -> int:
        entered, free = self.gates.get(self.key) or (None, None)
        if entered is not None and free is not None:
            del self.gates[self.key]
            entered.set()
            await free.wait()
        self.state.count += 1
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def count(self, to: int) -> AsyncIterator[int]:
        for n in range(to):
            yield n


class Book(BaseModel):
    seen: list[str] = []


class Busy(Agent[Book]):
    """Hears everything; `wait` holds it."""

    gates: ClassVar[dict[str, tuple[asyncio.Event, asyncio.Event]]] = {}

    @action
    async def wait(self) -> None:
        entered, free = self.gates.pop(self.key)
        entered.set()
        await free.wait()

    @action
    async def who(self) -> dict[str, Any] | None:
        return None if self.caller is None else {"principal": self.caller.principal, **self.caller.claims}

    @action
    async def ask(self, to: str) -> int:
        """What the other one counts; then waits if a gate is set."""
        counted = await self.agent(Counter, to).increment()
        if self.key in self.gates:
            await self.wait()
        return counted

    @action
    async def refuse(self) -> None:
        self.state.seen.append("never")
        raise Rejected("taken", code="seat-taken", status=409, data={"seat": 1})

    @action
    async def note(self, text: str) -> None:
        self.state.seen.append(text)

    @action
    async def seen(self) -> list[str]:
        return self.state.seen

    async def on_connect(self, connection: Connection, /) -> None:
        self.state.seen.append("connect")

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        self.state.seen.append(message if isinstance(message, str) else repr(message))

    async def on_disconnect(self, connection: Connection, /) -> None:
        self.state.seen.append("disconnect")

    async def on_request(self, request: Request, /) -> Response:
        self.state.seen.append("request")
        head = f"{request.method} {request.path} {request.query} {request.header('x-a')} "
        return Response(head.encode() + request.body, 201)


class Clock:
    """The clocks of all hosts."""

    def __init__(self) -> None:
        self.ahead = 0.0
        """Seconds of both clocks that nobody waited for."""
        self.off = 0.0
        """Seconds by which the wall clock was set, and the monotonic one not."""

    def now(self) -> float:
        return time.time() + self.ahead + self.off

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class NoWire:
    """Fills `Wire` where nobody is connected; keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Frame, int]] = []
        self.gone: set[str] = set()
        self.silent = False
        """Nothing gets out any more."""
        self.stuck = False

    async def asked(self) -> bool:
        return self.stuck

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        if self.silent:
            self.stuck = True
            await asyncio.Event().wait()
        self.sent += [(f, version) for f in frames]
        return {cid for f in frames for cid in f.to if cid in self.gone}

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        pass

    def open(self, address: Address) -> Mapping[str, int] | None:
        return None


class NoFetch:
    """Fills `Fetch`: no agent here goes out."""

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        raise AssertionError("no agent of these tests fetches")


class Letter:
    """Fills `Message`: one of the queue of jobs."""

    def __init__(self, id: str, bell: JobBell, visible: float, clock: Clock) -> None:
        self.id = id
        self.bell = bell
        self.visible = visible
        self.times = 0
        self._clock = clock

    async def hide(self, seconds: float) -> None:
        self.visible = self._clock.now() + seconds


class Doorbells:
    """Fills `Bells`: a queue that outlives its hosts. `answer` is called for each message whose time has come."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.queue: list[tuple[float, int, Address, float | None]] = []
        self.jobs: list[Letter] = []
        self.rung = 0
        self._numbers = itertools.count()

    async def ring(self, address: Address, delay: float, wake: float | None = 0.0) -> None:
        self.rung += 1
        heapq.heappush(self.queue, (self.clock.now() + delay, next(self._numbers), address, wake))

    async def ring_job(self, bell: JobBell, delay: float) -> None:
        self.rung += 1
        self.jobs.append(Letter(f"m{next(self._numbers)}", bell, self.clock.now() + delay, self.clock))

    def job(self) -> Letter | None:
        """The next message of a job whose time has come; hidden, until its reader says otherwise."""
        for letter in self.jobs:
            if letter.visible <= self.clock.now():
                letter.times += 1
                letter.visible = self.clock.now() + UNSEEN
                return letter
        return None

    def due(self) -> tuple[Address, float | None] | None:
        """The next message whose time has come, taken out: for whom, and for which wake."""
        if self.queue and self.queue[0][0] <= self.clock.now():
            return heapq.heappop(self.queue)[2:]
        return None


class Fleet:
    """Makes hosts over one table, and answers doorbells with one that never fails."""

    restless = False
    """Hosts made from now on forget their agents between any two ticks."""

    def __init__(self, name: str, calls: Calls, kinds: Sequence[type[Agent[Any, Any]]] = (Counter, Slow, Busy)) -> None:
        self.name = name
        self.kinds = list(kinds)
        self.calls = calls
        self.clock = Clock()
        self.wire = NoWire()
        self.bells = Doorbells(self.clock)
        self.hosts: list[AsyncioHost] = []
        self._drain: LambdaBackend | None = None
        self._task: asyncio.Task[None] | None = None

    def host(self, calls: Calls | None = None, wire: NoWire | None = None, bells: Bells | None = None) -> LambdaBackend:
        """A cold process. `calls`, `bells`: its own way to the table and the queue, to be hurt; `wire`: where its
        frames go."""
        host = AsyncioHost()
        host.now, host.monotonic = self.clock.now, self.clock.monotonic
        self.hosts.append(host)
        store = DynamoStore(Table(self.name, calls or self.calls), now=self.clock.now)
        return LambdaBackend(
            App(self.kinds), store, wire or self.wire, bells or self.bells, NoFetch(), host, restless=self.restless
        )

    def start(self) -> None:
        self._drain = self._drain or self.host()
        self._task = asyncio.create_task(self._answer())

    @property
    def answering(self) -> LambdaBackend:
        """The host that answers doorbells."""
        assert self._drain is not None
        return self._drain

    async def _answer(self) -> None:
        assert self._drain is not None
        while True:
            heard = self.bells.due()
            if heard is None:
                await asyncio.sleep(0.005)
                continue
            address, wake = heard
            await self._drain.drain(address, self.clock.monotonic() + 20, wake)

    async def settle(self, ahead: float = 0.0) -> None:
        """Let every doorbell be answered that rings within `ahead` seconds, without waiting for it."""
        self.clock.ahead += ahead
        if self._task is None:
            self.start()
        assert self._task is not None
        while self.bells.queue and self.bells.queue[0][0] <= self.clock.now():
            await asyncio.sleep(0.01)
            if self._task.done():
                self._task.result()
        assert self._drain is not None
        for cell in list(self._drain.runtime.cells.values()):
            await self._drain.runtime.quiet(cell.address)

    async def carry(self, host: LambdaBackend | None = None, seconds: float = 900.0) -> int:
        """Invoke the function of jobs, one after the other, until no message is there; how often."""
        host = host or self.host()
        count = 0
        while (letter := self.bells.job()) is not None:
            count += 1
            if await carry(host, letter.bell, letter, self.clock.monotonic() + seconds):
                self.bells.jobs.remove(letter)
            await self.settle()
        return count

    async def relay(self) -> None:
        """What the stream brings: every envelope that is still in a table, each in its turn."""
        assert self._drain is not None
        found = await self.calls("scan", {"TableName": self.name, "ConsistentRead": True})
        rows = [x for x in found["Items"] if x["sk"]["S"].startswith("O#")]
        assert await self._drain.relay(rows) == []

    async def sweep(self) -> int:
        """What happens each minute: whoever should have been woken is."""
        assert self._drain is not None
        return await self._drain.sweep(self.clock.monotonic() + 20)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for host in self.hosts:
            await host.close()


def increment(key: str | None = None, action: str = "increment", *args: Any) -> Any:
    """A call, with an idempotency key or without."""
    from roost.contract.trigger import Call, Trigger

    return Trigger("call", Call(action, args), key)
