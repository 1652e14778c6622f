"""Executors of one job over the port `Journal` under a virtual clock: they crash, stall, come back late, lose answers,
and let the job go while it waits."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeVar

from pydantic_core import to_json

from roost.contract.address import Address
from roost.contract.commit import Commit
from roost.contract.errors import Fenced
from roost.contract.job import Claim, Claimed, Job, JobStart, LiveJob
from roost.contract.journal import Fact, JournalRow, read, write
from roost.engine.jobs.body import failure
from roost.engine.jobs.execution import Execution
from roost.engine.jobs.ordered import PendingCall
from roost.memory import MemoryStore
from roost_conformance.bodies.lives import embody

T = TypeVar("T")


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """The answer of a store that never waits."""
    try:
        call.send(None)
    except StopIteration as stop:
        answer: T = stop.value
        return answer
    raise AssertionError("it waits")


HERE: Final = Address("worker", "a")
UID: Final = "1.1"


class Log:
    """One job in a store in memory."""

    def __init__(self) -> None:
        store = MemoryStore()
        live = LiveJob(UID, None, "work", b"f" * 16, 1.0, 1e9)
        commit = Commit(HERE, 1, 0, 1, 1.0, state=b"{}", jobs=(JobStart(live, b"{}"),))
        at_once(store.commit(commit))
        self.port = store.journal
        self._rows: list[JournalRow] = []

    def read(self) -> list[JournalRow]:
        while page := at_once(self.port.rows(HERE, UID, len(self._rows))):
            self._rows += [read(line.position, line.data) for line in page]
        return [*self._rows]

    @property
    def job(self) -> Job:
        (found,) = at_once(self.port.jobs(HERE))
        return found

    def facts(self) -> list[Fact]:
        return [fact for row in self.read() for fact in row.facts]


@dataclass
class Executor:
    """One process that carries the job out."""

    claim: Claim
    execution: Execution
    steps: dict[str, PendingCall] = field(default_factory=dict[str, PendingCall])
    writing: JournalRow | None = None


class World:
    """All executors of program `seed`, and what must hold at each step of theirs."""

    def __init__(self, seed: int, rng: Random) -> None:
        self.seed = seed
        self.rng = rng
        self.now = 1.0
        self.journal = Log()
        self.executors: list[Executor] = []
        self.made = 0
        self.begun: dict[str, int] = {}
        self.lost = self.crashes = self.let_go = self.settled = 0

    def boot(self) -> None:
        """Another host looks at the job; it has it, if nobody else has."""
        self.made += 1
        name, port = f"e{self.made}", self.journal.port
        claimed = at_once(port.claim(HERE, UID, name, self.now, self.now + self.rng.random()))
        if not isinstance(claimed, Claimed):
            return
        body, _ = embody(self.seed)
        executor = Executor(claimed.claim, Execution(body, name))
        executor.execution.open(self.journal.read(), self.now)
        self.executors.append(executor)
        self.look(executor)

    def look(self, executor: Executor) -> None:
        """Take up what an execution wants."""
        execution = executor.execution
        recorded = {f.id for f in self.journal.facts() if f.kind in ("value", "failed", "unknown")}
        for call in execution.to_stop():
            executor.steps.pop(call.id, None)
        for call in execution.to_begin():
            stale = execution.position < len(self.journal.read())  # it can't know yet; its next insert tells it
            assert stale or call.id not in recorded, f"{call.id} has an outcome, and runs again"
            self.begun[call.id] = self.begun.get(call.id, 0) + 1
            assert not call.once or self.begun[call.id] == 1, f"{call.id} runs once at most, and began twice"
            executor.steps[call.id] = call
        if executor.writing is None:
            executor.writing = execution.to_write()
        if execution.state in ("lost", "ended"):
            assert not executor.steps, "what is over still runs"
            self.executors.remove(executor)
            execution.body.close()

    def happen(self) -> None:
        """One thing, drawn."""
        rng = self.rng
        self.now += rng.random() * 0.3
        if not self.executors or (len(self.executors) < 3 and rng.random() < 0.02):
            self.boot()
            return
        executor = rng.choice(self.executors)
        execution = executor.execution
        if rng.random() < 0.03:
            self.crash(executor)
        elif rng.random() < 0.05:
            self.renew(executor)
        elif execution.state == "suspended" and executor.writing is None and rng.random() < 0.3:
            self.suspend(executor)
        elif executor.writing is not None and rng.random() < 0.7:
            self.insert(executor)
        elif executor.steps and rng.random() < 0.8:
            for call in rng.sample(list(executor.steps.values()), rng.randint(1, min(3, len(executor.steps)))):
                del executor.steps[call.id]
                if call.name == "fail":
                    execution.finished(call, "failed", failure(ValueError(call.work)), self.now)
                else:
                    execution.finished(call, "value", to_json(f"v{call.work}"), self.now)
            self.look(executor)
        else:
            due = execution.due()
            if due is not None and not executor.steps and executor.writing is None:
                self.now = max(self.now, due)
            execution.tick(self.now)
            self.look(executor)

    def renew(self, executor: Executor) -> None:
        """Refused as soon as another has the job."""
        until = self.now + self.rng.random()
        try:
            at_once(self.journal.port.renew(executor.claim, self.now, until))
        except Fenced:
            assert self.journal.job.claim > executor.claim.number or not self.journal.job.owner
            self.lose(executor)
        else:
            assert self.journal.job.claim == executor.claim.number

    def suspend(self, executor: Executor) -> None:
        """It waits for its time: nothing of it stays in memory. One that waits for nothing comes to its deadline."""
        if executor.execution.waiting_for_nothing:
            executor.execution.cancel(self.now, "deadline", "deadline")
            self.look(executor)
            return
        try:
            gone = at_once(self.journal.port.let_go(executor.claim, self.journal.job.bell, executor.execution.due()))
        except Fenced:
            self.lose(executor)
            return
        assert gone, "nobody rang"
        self.let_go += 1
        self.executors.remove(executor)
        executor.execution.body.close()

    def lose(self, executor: Executor) -> None:
        self.lost += 1
        executor.execution.lost()
        executor.writing = None
        self.look(executor)

    def insert(self, executor: Executor) -> None:
        row, executor.writing = executor.writing, None
        assert row is not None
        port, data, execution = self.journal.port, write(row.facts), executor.execution
        ended = self.now if any(fact.kind == "ended" for fact in row.facts) else None
        written = at_once(port.append(executor.claim, row.position, data, ended=ended))
        if written and self.rng.random() < 0.1:  # the answer is lost: it is asked for again
            assert at_once(port.append(executor.claim, row.position, data, ended=ended))
            self.settled += 1
        if not written:
            self.lose(executor)
            return
        if self.rng.random() < 0.05:  # the answer is lost, and the process with it
            self.crash(executor)
            return
        execution.written(self.now)
        self.look(executor)

    def crash(self, executor: Executor) -> None:
        self.crashes += 1
        self.executors.remove(executor)
        executor.execution.body.close()

    @property
    def ended(self) -> bool:
        return any(fact.kind == "ended" for fact in self.journal.facts())
