"""The backend on AWS: hosts that share one table, each awake for the length of one invocation.

A function is frozen after its response, so nothing is left to the background: every method returns when all that
its work caused (frames, envelopes, alarms) is done, or durably owed: a row in the table with a doorbell on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from pydantic import BaseModel

from roost.author.app import App
from roost.contract.address import Address
from roost.contract.commit import Envelope
from roost.contract.errors import RoostError, TransientError, Unreadable
from roost.contract.result import TickResult
from roost.contract.trigger import Call, Caller, Lane, Trigger
from roost.contract.unsent import refused_for_good
from roost.engine.leased.leasing import Leasing
from roost.engine.leased.tenure import LINGER, Tenure
from roost.engine.runtime import Runtime
from roost.fetch import Fetch
from roost.ports import Capabilities, Future, Host, Ports, Wire
from roost.sockets.greeting import greeting

from . import keys, rows
from .bells import Bells
from .client import Item
from .leases import NoAlarms, TableLeases
from .memory import Memory
from .store import DynamoStore

LAMBDA = Capabilities(
    "lambda", frame_order=False, http_stream=False, connect_path=False, close_code=False, binary_frames=False,
    resident=False, operator_first=False, sse_window=0.0, idle_timeout=600.0, max_connection=7200.0, jobs=True,
    threads=True,
)  # fmt: skip


class LambdaRuntime(Runtime):
    """A runtime whose every verb ends when nothing is left undone."""

    memory: Memory
    bells: Bells
    ringing: list[Future[None]]
    """Bells of jobs that are being sent."""

    def executor(self) -> None:
        """Jobs are carried out by a function of their own."""

    def look_at_jobs(self, address: Address) -> None:
        """Ring for the agent's jobs that are due; whoever is told that nothing is left undone waits for it."""
        sent: Future[None] = self.host.future()
        self.ringing.append(sent)
        self.host.spawn(self._ring(address, sent))

    async def _ring(self, address: Address, sent: Future[None]) -> None:
        from .job_rings import ring_due

        try:
            await ring_due(self.store.journal, self.bells, self.host.now, address)
        except RoostError as error:  # they are in the index of wakes: the sweeper rings
            self.log.warning("%s: no bell for its jobs: %s", address, error.message)
        finally:
            self.ringing.remove(sent)
            sent.set_result(None)

    async def rung(self) -> None:
        """Until no bell is being sent."""
        while self.ringing:
            await self.host.shielded(self.ringing[0])

    def tenure(self, address: Address) -> Tenure:
        """The cell of an agent."""
        return cast(Tenure, self.cell(address))

    async def quiet(self, address: Address) -> bool:
        """Until the agent is given back and its alarm is set. False: it could not be."""
        cell = self.tenure(address)
        await cell.quiet()
        if self.ringing:
            await self.rung()
        return await cell.bell()  # what is owed of an agent that was lost, or could not be taken

    async def dispatch(
        self, address: Address, trigger: Trigger, live: Callable[[bytes, bytes], None] | None = None
    ) -> TickResult:
        self.tenure(address).linger(self.host.monotonic() + LINGER)
        if trigger.id is not None and trigger.source != "schedule":
            self.memory.asked[address] = trigger.source, trigger.principal, trigger.id
        future = self.host.future()

        def done(result: TickResult) -> None:
            if not future.done():
                future.set_result(result)

        try:
            self.post(address, trigger, done, live)
            result: TickResult = await future  # a parked trigger is taken back first: only then nobody runs it
        finally:
            self.memory.asked.pop(address, None)
        await self.quiet(address)
        return result

    async def tell(
        self, address: Address, call: Call, *, id: str | None = None, caller: Caller | None = None,
        lane: Lane = "standard", delay: float = 0.0,
    ) -> str:  # fmt: skip
        done = await super().tell(address, call, id=id, caller=caller, lane=lane, delay=delay)
        await self.quiet(address)
        return done

    async def redrive(self, address: Address, id: str | None) -> int:
        self.tenure(address).linger(self.host.monotonic() + LINGER)
        count = await super().redrive(address, id)
        await self.quiet(address)
        return count

    async def purge_dead(self, address: Address, id: str | None) -> int:
        count = await super().purge_dead(address, id)
        await self.quiet(address)
        return count


class TableCourier:
    """Fills `Courier`: an envelope is parked with its receiver; an ask runs here, or where its agent is held."""

    def __init__(self) -> None:
        self.runtime: LambdaRuntime | None = None

    async def deliver(self, envelope: Envelope) -> None:
        assert self.runtime is not None
        await self.runtime.accept(envelope)

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        assert self.runtime is not None
        return (await self.runtime.dispatch(address, trigger)).raw()


class LambdaBackend:
    """One a process; safe to use from many tasks of one loop.

    The HTTP `Surface` works over `runtime`: its `dispatch` and `tell` return only when nothing is left undone.
    """

    def __init__(
        self,
        app: App,
        store: DynamoStore,
        wire: Wire,
        bells: Bells,
        fetch: Fetch,
        host: Host,
        *,
        capabilities: Capabilities = LAMBDA,
        config: Mapping[str, BaseModel] | None = None,
        restless: bool = False,
    ) -> None:
        self.store = store
        self.bells = bells
        self.host = host
        courier = TableCourier()
        ports = Ports(store, courier, wire, NoAlarms(), host, fetch, Leasing(TableLeases(store, bells, host)))
        self.runtime = LambdaRuntime(app, ports, capabilities, config=config, restless=restless)
        self.runtime.memory = store.memory
        self.runtime.bells, self.runtime.ringing = bells, []
        self.courier = courier
        courier.runtime = self.runtime

    async def dispatch(
        self, address: Address, trigger: Trigger, live: Callable[[bytes, bytes], None] | None = None
    ) -> TickResult:
        """Run one trigger to its durable end. When another host has the agent, that one runs it and this waits.

        `trigger.deadline` should be the invocation's own end minus three seconds; None = 27 s from now.
        """
        return await self.runtime.dispatch(address, trigger, live)

    def hear(self, address: Address, wake: float | None) -> None:
        """Another doorbell of an agent that `drain` looks at. `wake`: as `Bells.ring` was given it."""
        if self.runtime.serves(address.kind):
            cell = self.runtime.tenure(address)
            cell.hear(wake)
            if cell.pumping:
                cell.alarm()

    async def drain(self, address: Address, until: float, wake: float | None = None) -> None:
        """A doorbell: run what is parked and due. Stops at `until` (by `Host.monotonic`), ringing for what is left.
        `wake`: as `Bells.ring` was given it.

        TransientError: let the queue deliver the message again.
        """
        if not self.runtime.serves(address.kind):
            return  # a kind that was deployed away
        cell = self.runtime.tenure(address)
        cell.linger(until)
        cell.hear(wake)
        await self.runtime.alarm(address)
        if not await self.runtime.quiet(address):
            raise TransientError(f"{address}: its next bell could not be sent", code="bell")

    async def wake(self, address: Address, until: float, wake: float | None = None) -> None:
        """A schedule's time has come, or may have. Never early: an early wake arms again."""
        await self.drain(address, until, wake)

    async def relay(self, images: Sequence[Mapping[str, Any]]) -> list[int]:
        """Deliver envelopes whose sender may have died: `NewImage`s of the stream, of items whose SK starts with `O#`.

        Indices of the rows that must come again. What was delivered meanwhile costs one read. Binary values may be
        base64 text, as the stream's JSON has them.
        """
        failed: list[int] = []
        stuck: set[tuple[str, Address]] = set()
        """Sender and receiver: an envelope between them was not delivered, so none behind it may be."""
        for i, image in enumerate(images):
            pk, sk = image["pk"]["S"], image["sk"]["S"]
            try:
                item = await self.store.table.get(pk, sk)
                if item is not None and sk.startswith("O#"):
                    await self._relay(pk, item, stuck)
            except RoostError as error:
                self.runtime.log.warning("%s: %s not relayed: %s", pk, sk, error.message)
                failed.append(i)
        return failed

    async def _relay(self, pk: str, item: Item, stuck: set[tuple[str, Address]]) -> None:
        """Deliver it, after the older ones to the same receiver. TransientError: not yet."""
        to = rows.envelope(item).to
        if (pk, to) in stuck:
            raise TransientError("an older one comes first", code="order")
        for one in await self.store.table.range(pk, "O#", item["sk"]["S"]):
            envelope = rows.envelope(one)
            if envelope.to != to:
                continue
            try:
                await self.courier.deliver(envelope)
            except Exception as error:
                known = error if isinstance(error, RoostError) else Unreadable(f"{type(error).__name__}: {error}")
                if not refused_for_good(known):
                    stuck.add((pk, to))
                    raise
                await self.bells.ring(keys.address_of(pk), 0.0)  # its sender buries it
                continue
            await self.store.table.write([], [(pk, one["sk"]["S"])])

    async def sweep(self, until: float) -> int:
        """Ring for every agent and job whose time passed a minute ago: its wake was lost. How many. Call it each
        minute. Stops at `until`, by `Host.monotonic`."""
        from .sweeping import sweep

        return await sweep(self.store, self.bells, self.host, until)

    # Connections: the store's rows #conn#cid ---------------------------------------------------------

    async def greeting(self, address: Address, cid: str) -> tuple[list[bytes], str]:
        """`roost.sockets.greeting` from the committed snapshot.

        None to a connection that the agent knows: its function died and runs again, and what it is sent by ticks since
        could be overtaken by a state of before.
        """
        runtime = self.runtime
        kind = runtime.app.kind(address.kind)
        if not kind.stateful:
            return greeting(address, kind, bytes)
        found = await runtime.snapshot(address)
        if any(row.cid == cid for row in found.connections):
            return [], ""
        return greeting(address, kind, partial(runtime.view_of, kind, found))

    async def bind(self, cid: str, address: Address, expires: float, data: bytes = b"") -> None:
        """Remember which agent a connection belongs to, with the codec's own data (label, query, caller)."""
        item = rows.bare(
            keys.connection(cid), keys.HEAD, kd=rows.s(address.kind), ky=rows.s(address.key),
            x=rows.n(expires), ttl=rows.n(int(expires)), d=rows.b(data) if data else None,
        )  # fmt: skip
        await self.store.table.call("put_item", Item=item)

    async def bound(self, cid: str) -> tuple[Address, bytes] | None:
        """Whose connection this is; None = unknown or expired."""
        item = await self.store.table.get(keys.connection(cid), keys.HEAD)
        if item is None or rows.real(item, "x") <= self.host.now():
            return None
        return Address(rows.text(item, "kd"), rows.text(item, "ky")), rows.data(item, "d")

    async def unbind(self, cid: str) -> None:
        """The connection is gone. Dispatch the `disconnect` trigger first."""
        await self.store.table.write([], [(keys.connection(cid), keys.HEAD)])
