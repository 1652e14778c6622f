"""One executor's work on one job: from its claim to its end, or until it is let go.

claim -> rows -> replay -> [append, begin steps, hear outcomes]* -> ended: its letter is parked
                                                                 -> suspended: let go, unless the bell rang
                                                                 -> lost: its bodies are cancelled
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zlib import crc32

from pydantic_core import from_json

from ...author.run import RUNNING, Run
from ...contract.errors import AgentError, RoostError, Unreadable
from ...contract.job import JOURNAL_BYTES, ROWS, holds
from ...contract.journal import JournalRow, read, write
from .body import Body, Diverged
from .doing import Done, attempt, failure_of
from .ending import Ending
from .execution import Execution, ended_by
from .hold import CLAIM, Desk, Lost
from .scope import JobServices, JobTick, Reached, RunLog
from .streaming import Streams

if TYPE_CHECKING:
    from ...contract.address import Address
    from .loop import BodyLoop
    from .ordered import PendingCall

T = TypeVar("T")

LINGER: Final = 2.0
"""Seconds: a job that waits no longer than that stays in memory."""
GRACE: Final = 30.0
"""Seconds that a cancelled body has for its `finally` and `except`."""
TOLD: Final = 0.8
"""Part of the limits of a journal at which the log says so."""


class Carrying(Ending):
    """See the file's head."""

    def __init__(self, executor: Desk, address: Address, uid: str) -> None:
        super().__init__(executor, address, uid)
        self.count = self.size = 0
        """Rows of this run, and their bytes."""
        self.execution: Execution | None = None
        self._took = set()
        self.streams = Streams(self.host, self.journal, self._insist, self.gone, address, uid)
        self.streams.stirred = self._stirring
        self.draining = False
        """The host shuts down, or the job is held: what runs may end, and nothing begins."""
        self.cancelled_at: float | None = None
        """By `Host.now`: when the body heard it, as far as this executor goes."""

    # The life ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the job is ended, let go or lost."""
        try:
            if not await self._claim():
                return
            renewing = None if self.executor.sole else self.host.spawn(self._renewing())
            try:
                await self._live()
            finally:
                if renewing is not None:
                    renewing.cancel()
                self._stop_steps()
                self.streams.close()
                if self.execution is not None:
                    await self._plainly(self.execution.body.close)
        except Lost:
            pass
        except RoostError as error:
            self.runtime.log.warning("%s: can't go on for now: %s", self.what, error.message)
            self.executor.failed(self.address, self.uid)

    async def _live(self) -> None:
        job = self.job
        if holds(job, self.host.now()):
            await self._let_go(None, self.rests(job))
            return
        try:
            await self._read()
            if job.ended is not None or any(fact.kind == "ended" for row in self.rows[-1:] for fact in row.facts):
                await self._over(await self._ended())
                return
            await self.streams.open(self.claim)
            await self._open()
            self.executor.troubles.pop((self.address, self.uid), None)
            assert self.execution is not None
            await self.hear(self.execution)
            await self._go_on()
        except (Diverged, Unreadable) as error:
            self._stop_steps()
            await self._troubled(error)

    async def _read(self) -> None:
        after = self.job.base
        while page := await self.journal.rows(self.address, self.uid, after):
            for line in page:
                self.rows.append(read(line.position, line.data))
                self.count += 1
                self.size += len(line.data)
            after = page[-1].position

    def _body(self) -> Body:
        """A fresh one. Diverged: there is no code for it, or its arguments don't fit."""
        live, kind = self.job.live, self.runtime.kind(self.address.kind)
        method = kind.jobs.get(live.name)
        if method is None:
            raise Diverged(f"{kind.cls.__name__} has no job {live.name!r} any more: it waits for code", code="no-code")
        try:
            given: Any = from_json(self.args)
            args, kwargs = method.action.bind(given["args"], given["kwargs"])
        except (RoostError, ValueError, TypeError, KeyError) as error:
            raise Diverged(f"the arguments of the job {live.name} do not fit its code: {error}") from error

        def make(loop: BodyLoop) -> Coroutine[Any, Any, Any]:
            run = Run(body, f"{self.uid}/{self.job.run}", log, pack, kind.jobs, self.runtime.config_of(kind))
            RUNNING.set(run)
            return method.fn(self._agent(body, log), run, *args, **kwargs)  # type: ignore[no-any-return]

        def pack(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
            return method.action.pack(args, kwargs, f"run.again of {live.name}", self.runtime.limits.arguments)[0]

        body = Body(make, crc32(self.uid.encode()), live.started)
        log = RunLog(self.address, live.name, self.uid, body)
        return body

    def _agent(self, body: Body, log: RunLog) -> Any:
        """The author's object, in the body and in steps."""
        kind = self.runtime.kind(self.address.kind)
        agent: Any = object.__new__(kind.cls)
        agent.config = self.runtime.config_of(kind)
        agent._resources = Reached(self.resources)
        agent._roost = JobServices(self.runtime, log)
        agent._tick = JobTick(self.address, body)
        return agent

    async def _open(self) -> None:
        self.resources = await self.runtime.opened(self.runtime.kind(self.address.kind))
        body = self._body()
        execution = Execution(body, self.executor.owner)
        self.execution = execution
        execution.position = self.job.base
        try:
            await self._plainly(lambda: execution.open(self.rows, self.host.now()))
        except (Diverged, Unreadable):
            raise
        except RoostError as error:  # it never waits
            if self.rows and execution.position < self.rows[-1].position:
                raise Diverged(f"replayed, it does not come to the end of its journal: {error.message}") from error
            execution.end(self.host.now(), error)
        if execution.cancelled is not None:
            self.cancelled_at = self.host.now()
        if not self.runtime.restless:
            self.rows.clear()

    # Those who follow -----------------------------------------------------------------------------------

    def _stirring(self, first: bool) -> None:
        """Who follows on another host's socket is known by its row alone, and may have come since the last batch."""
        if first or not self.executor.sole:
            self.host.spawn(self.heard())

    async def heard(self) -> None:
        """Have followers told what the job says. A failure costs them this batch's time, or its end's."""
        with suppress(RoostError):
            for who in await self.journal.followers(self.address, self.uid):
                self.runtime.following().begin(self.address, self.uid, who, lambda: self.streams, anew=False)

    # Going on ------------------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        execution = self.execution
        assert execution is not None
        while True:
            if self.outdated:
                await self._plainly(execution.lost)
                raise Lost
            if self.stopping:
                self._stop_steps()
                await self.streams.settle()
                await self._let_go(None, self.rests(self.job) if self.held else self.host.now())
                return
            for call in execution.to_stop():
                self._stop(call)
            if execution.state == "lost":
                raise Lost
            if execution.state == "ended":
                return
            if self.bell < 0:
                await self.hear(execution)
            if not self.draining and not all(map(self.fits, execution.starting())):
                self.draining = True
            for call in execution.to_begin():
                if call.once or (not self.draining and self.fits(call)):  # the former is written down as begun
                    self._begin(call)
                else:
                    self.draining = True
            if not self.draining:
                await self._others(execution)
            execution.closing = self.draining
            row = execution.to_write()
            if row is not None:
                await self._append(execution, row)
            elif self.draining and not self.steps:
                self.stopping = True
            elif execution.state == "suspended" and not self._near(execution):
                if await self._suspend(execution):
                    return
            else:
                await self._wait(execution)
                if not self.held:
                    await self._time(execution)

    async def _others(self, execution: Execution) -> None:
        """What others are asked, and need not answer any more."""
        for id in execution.waits.to_close():
            await self.close(id)
        for call in execution.waits.to_ask():
            if call.id in execution.body.loop.wanted:
                await self.ask(execution, call)

    def _near(self, execution: Execution) -> bool:
        """Not worth letting go: it goes on soon, or is cancelled, and its grace runs here."""
        return self.cancelled_at is not None or self._due(execution) <= self.host.now() + LINGER

    def _due(self, execution: Execution) -> float:
        """When there is something to do, if nothing happens before."""
        end = self.job.live.deadline if self.cancelled_at is None else self.cancelled_at + GRACE
        due = execution.due()
        return end if due is None else min(due, end)

    async def _time(self, execution: Execution) -> None:
        """Timers that are due, the job's own too."""
        now = self.host.now()
        if self.cancelled_at is not None and now >= self.cancelled_at + GRACE:
            why = "cancelled" if execution.cancelled is None else execution.cancelled[1]
            execution.end(now, ended_by(why))
        elif self.cancelled_at is None and now >= self.job.live.deadline:
            execution.cancel(now, "deadline", "deadline")
        await self.expire(execution, now)
        await self.poll(execution, now)
        await self._plainly(lambda: execution.tick(now))

    async def _wait(self, execution: Execution) -> None:
        if self._stirred:
            self._stirred = False
            return
        self._woken = self.host.future()
        due = self.host.now() + CLAIM if self.held else self._due(execution)
        timer = self.host.call_at(due, self.wake)
        try:
            await self._woken
        finally:
            self._woken = None
            self._stirred = False
            timer.cancel()

    async def _append(self, execution: Execution, row: JournalRow) -> None:
        data = write(row.facts)
        if self.streams.waits and row.facts[-1].kind in ("ended", "again"):
            await self.streams.settle()
        last = next((fact for fact in row.facts if fact.kind == "ended"), None)
        next_run = row.facts[-1].data if row.facts[-1].kind == "again" else None
        if last is None and next_run is None and (self.count >= ROWS - 1 or self.size + len(data) > JOURNAL_BYTES):
            execution.unwritten()
            execution.end(self.host.now(), _full(self.count, self.size))
            return
        ended = None if last is None else last.at
        append = partial(self.journal.append, self.claim, row.position, data, again=next_run, ended=ended)
        if not await self._insist(append):
            await self._plainly(execution.lost)
            self.executor.later(self.address, 0.0)  # a row of the executor before: read on behind it
            raise Lost
        self.count += 1
        self.size += len(data)
        if self.count == int(ROWS * TOLD):
            self.runtime.log.warning("%s: its journal has %d rows, and may have %d", self.what, self.count, ROWS)
        self.executor.wrote(self.address, self.uid, row)
        await self._heard(execution, row)
        if last is not None:
            await self.heard()
            await self._over(last.data)
        elif next_run is None:
            await self.took(execution, row)
        else:
            await self._let_go(None, self.host.now())

    async def _heard(self, execution: Execution, row: JournalRow) -> None:
        """The row is durable: the body hears of it."""
        try:
            await self._plainly(lambda: execution.written(self.host.now()))
            if self.runtime.restless and execution.state not in ("ended", "lost"):
                self.rows.append(row)
                fresh = self._body()
                await self._plainly(lambda: execution.embody(fresh, self.rows))
        except RoostError as error:
            if isinstance(error, Diverged) and self.runtime.restless:
                raise  # the replay found it
            # It never waits, or what it was given it can't read.
            execution.end(self.host.now(), error)
        if execution.cancelled is not None and self.cancelled_at is None:
            self.cancelled_at = self.host.now()
        if execution.raised is not None:
            self.runtime.log.error("%s failed", self.what, exc_info=execution.raised)
            execution.raised = None

    async def _suspend(self, execution: Execution) -> bool:
        """Let a job go that waits; whether it is."""
        await self.streams.settle()
        if not await self._let_go(self.bell, self._due(execution)):
            self.bell = -1
            return False
        return True

    # Steps ---------------------------------------------------------------------------------------------

    def _path(self, call: PendingCall) -> str:
        branch, _, n = call.id.rpartition(":")
        return f"{self.address}/job:{self.uid}/{self.job.run}/{branch}/{n}"

    def fits(self, call: PendingCall) -> bool:
        """Whether this host has the time for it. False: the job is let go once what runs is over."""
        return True

    def _step(self, call: PendingCall) -> str:
        """What streams call it."""
        return f"{self.job.run}/{call.id.replace(':', '/')}"

    def _begin(self, call: PendingCall) -> None:
        assert self.execution is not None
        self.streams.begun(self._step(call))
        doing = self._do(call, self.execution.tries.get(call.id, {}))
        self.steps[call.id] = call.context.copy().run(self.host.spawn, doing)

    async def _do(self, call: PendingCall, said: dict[str, Any]) -> None:
        execution = self.execution
        assert execution is not None
        try:
            say = partial(self.streams.say, self._step(call))
            done = await attempt(self.runtime, self.address, self._path(call), call, said, say)
            if self.streams.waits:  # what it said is stored before its outcome
                await self.streams.settle()
        except BaseException as error:
            if call.id not in self.steps or self.host.ending():
                raise
            done = Done("failed", failure_of(RuntimeError(f"{type(error).__name__}: {error}")))  # the author's own
        del self.steps[call.id]
        now = self.host.now()
        if done.kind == "tried":
            assert done.said is not None
            execution.tried(call, done.said, now)
        else:
            self.streams.ended(self._step(call))
            execution.finished(call, done.kind, done.data, now)
        self.wake()

    def _stop(self, call: PendingCall) -> None:
        task = self.steps.pop(call.id, None)
        if task is not None:
            task.cancel()


def _full(rows: int, size: int) -> AgentError:
    return AgentError(
        f"the journal of the job has {rows} rows and {size} bytes, and may have {ROWS} and {JOURNAL_BYTES}: split the "
        "job into several",
        code="limit-job-journal",
    )
