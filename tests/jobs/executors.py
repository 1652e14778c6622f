"""Executors of one job over one journal under a virtual clock: they crash, stall, come back late, and lose answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from pydantic_core import to_json

from roost.contract.journal import Fact, JournalRow, read, write
from roost.engine.jobs.body import failure
from roost.engine.jobs.execution import Execution
from roost.engine.jobs.ordered import PendingCall
from roost_conformance.bodies.lives import embody


@dataclass
class Journal:
    """Rows as bytes. The only write is an insert at the next position."""

    rows: list[bytes] = field(default_factory=list[bytes])

    def insert(self, row: JournalRow) -> bool:
        """False: somebody was there first."""
        if row.position != len(self.rows) + 1:
            return False
        self.rows.append(write(row.facts))
        return True

    def read(self) -> list[JournalRow]:
        return [read(i, data) for i, data in enumerate(self.rows, 1)]

    def facts(self) -> list[Fact]:
        return [fact for row in self.read() for fact in row.facts]


@dataclass
class Executor:
    """One process that carries the job out."""

    name: str
    execution: Execution
    steps: dict[str, PendingCall] = field(default_factory=dict[str, PendingCall])
    writing: JournalRow | None = None


class World:
    """All executors of program `seed`, and what must hold at each step of theirs."""

    def __init__(self, seed: int, rng: Random) -> None:
        self.seed = seed
        self.rng = rng
        self.now = 1.0
        self.journal = Journal()
        self.executors: list[Executor] = []
        self.made = 0
        self.begun: dict[str, int] = {}
        self.lost = self.crashes = 0

    def boot(self) -> None:
        self.made += 1
        body, _ = embody(self.seed)
        executor = Executor(f"e{self.made}", Execution(body, f"e{self.made}"))
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
            stale = execution.position < len(self.journal.rows)  # it can't know yet; its next insert tells it
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
        elif execution.position < len(self.journal.rows) and rng.random() < 0.05:  # a renewal of its claim is refused
            self.lost += 1
            execution.lost()
            executor.writing = None
            self.look(executor)
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

    def insert(self, executor: Executor) -> None:
        row, executor.writing = executor.writing, None
        assert row is not None
        if not self.journal.insert(row):
            self.lost += 1
            executor.execution.lost()
        elif self.rng.random() < 0.05:  # the answer is lost, and the process with it
            self.crash(executor)
            return
        else:
            executor.execution.written(self.now)
        self.look(executor)

    def crash(self, executor: Executor) -> None:
        self.crashes += 1
        self.executors.remove(executor)
        executor.execution.body.close()

    @property
    def ended(self) -> bool:
        return any(fact.kind == "ended" for fact in self.journal.facts())
