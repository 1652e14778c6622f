"""The runtime of a resident host: one cell an agent in use. Toward the core there is one verb, `dispatch`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from pydantic import BaseModel

from ..contract.address import Address
from ..contract.caller import source_of, stored
from ..contract.commit import Envelope, Letter, Snapshot
from ..contract.encoding import encode_arguments
from ..contract.errors import LimitExceeded, TransientError
from ..contract.fingerprint import fingerprint, fingerprint_of
from ..contract.refusals import no_jobs, other_arguments
from ..contract.result import TickResult, failed
from ..contract.trigger import Call, Caller, Lane, Trigger
from ..tick.asker import TickAsker
from ..tick.image import REDELIVER
from ..tick.outbound import Hooked, Keys
from ..tick.tick import Tick
from .cell import Cell, Work
from .lifecycle import move
from .mailbox import Waiting
from .meter import meter_for
from .operating import Operating
from .owning import Owning
from .readonly import read
from .room import crowded
from .subscribers import Subscriber
from .viewing import view_of

if TYPE_CHECKING:
    from logging import LoggerAdapter

    import httpx

    from ..author.action import Action
    from ..author.app import App
    from ..author.kind import Kind
    from ..contract.job import Note, Rung
    from ..ports import Capabilities, Ports, Timer
    from .jobs.desk import JobDesk
    from .jobs.executor import Executor
    from .jobs.following import Following


GRACE: Final = 0.05
"""Seconds past its deadline that a running tick gets to report its own end."""


class Runtime(Operating):
    """Runs the agents of one app in one process.

    `idle_after`: seconds until an idle agent leaves memory. `restless`: forget it between any two ticks, a
    test mode that shows whatever only memory carried.
    """

    def __init__(
        self,
        app: App,
        ports: Ports,
        capabilities: Capabilities,
        *,
        config: Mapping[str, BaseModel] | None = None,
        idle_after: float = 10.0,
        restless: bool = False,
    ) -> None:
        super().__init__(app, ports, config, restless=restless)
        self._cell: type[Cell]
        self._work: Work
        self._cell, self._work = (ports.terms or Owning()).cells()
        self.capabilities = capabilities
        self.idle_after = idle_after
        self.cells = {}
        self.jobs: Executor | None = None
        """Made once the host has jobs to carry out."""
        self._following: Following | None = None
        self.closing = False
        self.trouble: Callable[[], str | None] = lambda: None
        """Why this host can't serve, where its backend can tell: it is not ready then."""
        self._sweep_pause = max(0.05, idle_after / 4)
        self._sweeper: Timer | None = None
        """Runs only while agents are awake."""
        app.runtime = self

    def expose(self) -> None:
        """Others than this machine can reach the app: quotas hold unless it says that there are none."""
        self.meter = meter_for(self.app, self.host.monotonic, exposed=True)

    # Triggers ----------------------------------------------------------------------------------------

    def cell(self, address: Address) -> Cell:
        """The resident part of an agent; NotFound for a kind the app has not."""
        found = self.cells.get(address)
        if found is None:
            found = self.cells[address] = self._cell(self, self.kind(address.kind), address, self._work)
            if self._sweeper is None:
                self._sweeper = self.host.call_later(self._sweep_pause, self._sweep)
        return found

    async def dispatch(
        self, address: Address, trigger: Trigger, live: Callable[[bytes, bytes], None] | None = None
    ) -> TickResult:
        """Run one trigger to its durable end. Errors of the agent come back in the result.

        The tick goes on when the waiter is cancelled (rule 10). `live` takes (chunk id, chunk).
        """
        future = self.host.future()

        def done(result: TickResult) -> None:
            if not future.done():
                future.set_result(result)

        self.post(address, trigger, done, live)
        result: TickResult
        if trigger.deadline is None:
            result = await future
            return result
        # A tick ends by its own deadline; this is for a trigger that still waits in line by then.
        late = failed(TransientError("its turn did not come before its deadline", code="deadline"))
        timer = self.host.call_later(trigger.deadline - self.host.monotonic() + GRACE, partial(done, late))
        try:
            result = await future
            return result
        finally:
            timer.cancel()

    def post(
        self,
        address: Address,
        trigger: Trigger,
        done: Callable[[TickResult], None] | None = None,
        live: Callable[[bytes, bytes], None] | None = None,
    ) -> None:
        """Queue a trigger without waiting. RoostError: refused at once, nothing was queued."""
        if self.closing:
            raise TransientError("the host is shutting down", code="shutting-down")
        cell = self.cells.get(address)
        kind = self.kind(address.kind) if cell is None else cell.kind
        waiting = Waiting(trigger, done, live)
        payload = trigger.payload
        if isinstance(payload, Call):
            action = waiting.action = kind.actions.get(payload.action) or kind.action(payload.action)
            if action.guarded:
                action.admit(trigger.source, trigger.caller, trigger.own(address))
            waiting.args, waiting.kwargs = action.bind(payload.args, payload.kwargs)
            if action.options.readonly:
                self.host.spawn(read(cell or self.cell(address), waiting), eager=True)
                return
            if trigger.id is not None:
                waiting.fingerprint = fingerprint_of(payload.action, payload.args, payload.kwargs)
        (cell or self.cell(address)).put(waiting)

    async def tell(
        self, address: Address, call: Call, *, id: str | None = None, caller: Caller | None = None,
        lane: Lane = "standard", delay: float = 0.0,
    ) -> str:  # fmt: skip
        """Park a durable call; its id. It runs at least once and applies once."""
        action = self.app.kind(address.kind).action(call.action)
        source = source_of(caller)
        if action.guarded:
            action.admit(source, caller, own=False)
        action.bind(call.args, call.kwargs)
        args = encode_arguments(call.args, call.kwargs, action.name, self.limits.arguments)
        if not 0 <= delay <= self.limits.delay:
            raise LimitExceeded(
                f"a tell may be delayed by 0 to {self.limits.delay:.0f} seconds, not by {delay}", limit="delay"
            )
        keyed = id is not None
        id = id or f"{self.host.entropy():016x}{self.host.entropy():016x}"
        letter = Letter(
            id, source, caller.principal if caller else "", action.name, args, lane,
            next=self.host.now() + delay if delay > 0 else 0.0,
            claims=stored(caller), keyed=keyed,
        )  # fmt: skip
        if keyed:
            found = await self.store.outcome(address, source, letter.principal, id)
            if found is not None and found.expires > self.host.now():
                if found.fingerprint != fingerprint(action.name, args):
                    raise other_arguments(id)
                return id
        try:
            await self.park(address, letter)
        except LimitExceeded as error:
            raise crowded(address, letter, self.limits.mailbox) if error.limit == "mailbox" else error from None
        return id

    async def accept(self, envelope: Envelope) -> None:
        """Take an envelope for one of this host's agents; durable when it returns. A gone generation's is dropped."""
        if envelope.generation:
            snapshot = await self.snapshot(envelope.to)
            if snapshot.generation > envelope.generation:
                return
        letter = Letter(
            envelope.id, "agent", str(envelope.sender), envelope.action, envelope.args, envelope.lane, envelope.internal
        )
        await self.park(envelope.to, letter)

    async def park(self, address: Address, letter: Letter) -> None:
        """Make a letter durable, then queue it."""
        if self.closing:
            raise TransientError("the host is shutting down", code="shutting-down")
        cell = self.cell(address)
        token = cell.parking.begin(letter.next)
        try:
            armed = letter.next or self.host.now() + REDELIVER
            await cell.park(letter, armed)
        finally:
            cell.parking.end(token)

    async def alarm(self, address: Address) -> None:
        """The platform's alarm: queue what is due, re-arm what is not; never raises."""
        self.rouse(address)

    def rouse(self, address: Address, ahead: Snapshot | None = None) -> None:
        """Have an agent look what is due. `ahead`: what its load would find now."""
        if not self.closing and self.serves(address.kind):
            cell = self.cell(address)
            cell.alarm(ahead)
            if self.jobs is not None and (cell.kind.jobs or (cell.image is not None and cell.image.jobs)):
                self.jobs.look(address)

    def executor(self) -> Executor | None:
        """What carries jobs out here; None: this backend runs none."""
        if self.jobs is None and self.capabilities.jobs:
            from .jobs.executor import Executor

            self.jobs = Executor(self)
        return self.jobs

    @property
    def has_jobs(self) -> bool:
        return self.capabilities.jobs

    def carries(self, address: Address, uid: str) -> bool:
        return self.jobs is not None and (address, uid) in self.jobs.carried

    def look_at_jobs(self, address: Address) -> None:
        if (executor := self.executor()) is not None:
            executor.look(address)

    async def tell_job(self, address: Address, uid: str, note: Note) -> Rung:
        """Tell a job something, once under the note's id. Refusals as the port's `ring`; Rejected `bad-answer`."""
        from .jobs.told import check_answer

        if note.kind == "answer":
            check_answer(await self.store.journal.questions(address, uid), note)
        rung = await self.store.journal.ring(address, uid, note, self.host.now())
        self.look_at_jobs(address)
        return rung

    async def hold_job(self, address: Address, uid: str, held: bool) -> None:
        """A job is held, or goes on. NotFound `no-job`; Rejected 409 `job-ended`."""
        await self.store.journal.hold(address, uid, held, self.host.now())
        self.look_at_jobs(address)

    def job_desk(self) -> JobDesk:
        """What those outside see of jobs, and do to them. NotSupported: this backend runs none."""
        self.journaled()
        from .jobs.desk import JobDesk

        return JobDesk(self)

    def following(self) -> Following:
        """Who tells connections what jobs say."""
        if self._following is None:
            from .jobs.following import Following

            self._following = Following(self.host, self.store, self.wire)
        return self._following

    def journaled(self) -> None:
        if not self.capabilities.jobs:
            raise no_jobs(self.capabilities.name)

    def asleep(self, address: Address) -> bool:
        """Nothing of the agent is in memory, nor under way."""
        cell = self.cells.get(address)
        return cell is None or cell.unread

    # What agents reach -------------------------------------------------------------------------------

    def logger(self, tick: Tick) -> LoggerAdapter[Any]:
        extra = {"agent": str(tick.address), "trigger": tick.trigger.id, "kind": tick.trigger.kind}
        return logging.LoggerAdapter(logging.getLogger(f"roost.agent.{tick.address.kind}"), extra)

    def http(self, tick: Tick) -> httpx.AsyncClient:
        tick.reader()
        if tick.outbound is None:  # of the tick, not of one client: it may make several
            scoped = tick.trigger.scoped
            name = f"{tick.address}/{tick.image.generation}/{scoped}"
            tick.outbound = Keys(None if scoped is None else quote(name, safe="/:"), tick.reader)
        return self.fetch.client(tick.outbound, tick.deadline)

    def outside(self, deadline: float) -> httpx.AsyncClient:
        """Outbound HTTP of no tick: the auth hook's. `deadline`: monotonic."""
        return self.fetch.client(Hooked(), deadline)

    def asker(self, tick: Tick) -> TickAsker:
        return TickAsker(tick, self.host, self.courier, None if tick.readonly else self.cells.get(tick.address))

    def target(self, to: Address, name: str, internal: bool) -> Action:
        """What an agent can be told under this wire name; NotFound says what is wrong."""
        kind = self.kind(to.kind)
        return kind.target(name) if internal else kind.action(name)

    def view_of(self, kind: Kind, found: Snapshot) -> bytes:
        """The view of a snapshot, as JSON. AgentError: it failed, and the log has it."""
        return view_of(self, kind, found)

    # Sleeping ----------------------------------------------------------------------------------------

    async def hibernate(self, address: Address) -> bool:
        """Drop an agent from memory between two ticks; whether it was there. Nothing durable changes."""
        self.kind(address.kind)
        cell = self.cells.get(address)
        if cell is None or cell.image is None:
            return False
        if cell.pumping:
            future = self.host.future()
            cell.naps.append(future)
            await future
        else:
            cell.forget()
        return True

    def give_up(self, address: Address) -> None:
        """Another host asks for the agent."""
        if (cell := self.cells.get(address)) is not None:
            cell.retire()

    def _sweep(self) -> None:
        self._sweeper = self.host.call_later(self._sweep_pause, self._sweep) if self.sweep() else None

    def sweep(self) -> int:
        """Put to sleep what has been idle for `idle_after` seconds; how many stay awake."""
        edge = self.host.monotonic() - self.idle_after
        for address in [a for a, c in self.cells.items() if c.used <= edge and c.idle]:
            if not self.cells[address].retire():
                continue
            cell = self.cells.pop(address)
            if cell.image is not None:
                cell.status = move(move(cell.status, "draining"), "asleep")
        return len(self.cells)

    def subscribe(self, address: Address, kinds: frozenset[str]) -> Subscriber:
        """A live reader of the agent's log and chunks; `unsubscribe` it."""
        self.kind(address.kind)
        one = Subscriber(self.host, kinds)
        group = self.subscribers.setdefault(address, set())
        group.add(one)
        cell = self.cells.get(address)
        if cell is not None:
            cell.subscribers = group
        return one

    def unsubscribe(self, address: Address, one: Subscriber) -> None:
        group = self.subscribers.get(address)
        if group is not None:
            group.discard(one)
            if not group:
                self.subscribers.pop(address, None)
                cell = self.cells.get(address)
                if cell is not None:
                    cell.subscribers = None

    async def drain(self, seconds: float) -> None:
        """Refuse new triggers and let running ticks end."""
        self.closing = True
        edge = self.host.monotonic() + seconds
        for group in self.subscribers.values():
            for one in group:
                one.wake()
        if self.jobs is not None:
            await self.jobs.drain(seconds)
        while self.host.monotonic() < edge and any(c.pumping for c in self.cells.values()):
            await self.host.sleep(0.01)
        left = [cell for cell in self.cells.values() if not cell.retire()]
        while self.host.monotonic() < edge and any(cell.pumping for cell in left):
            await self.host.sleep(0.01)
        self.halt()
        await self.resources.close()

    def halt(self) -> None:
        """Stop sweeping."""
        if self._sweeper is not None:
            self._sweeper.cancel()
