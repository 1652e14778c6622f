"""What jobs are told in the simulation: signals, and answers to what they ask (docs/jobs.md).

The reference knows the notes that the store took, and in which order. A body must hear those and no others, each once,
signals of a name in the order in which they were told; a question ends as the store says that it was closed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json

from roost.author.asking import question_id
from roost.contract.address import Address
from roost.contract.caller import OPERATOR
from roost.contract.errors import RoostError, TransientError
from roost.contract.job import Note
from roost.contract.journal import Fact

if TYPE_CHECKING:
    from .job_model import JobModel
    from .world import World

NAMES: Final = ("paid", "sent")
PROMPT: Final = 20.0
"""Seconds within which a job hears what it waits for, where nothing goes wrong."""
TRIES: Final = 4


@dataclass(slots=True)
class Told:
    """Of one job."""

    notes: dict[str, Note] = field(default_factory=dict[str, Note])
    """That the store took, in that order."""
    taken: set[str] = field(default_factory=set[str])
    """Signals that a row of the journal has."""
    since: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    """When the store took it, and how much had gone wrong by then."""


class Telling:
    """Of one run of the simulation."""

    def __init__(self, world: World, model: JobModel, rng: Random) -> None:
        self.world = world
        self.model = model
        self.rng = rng
        self.jobs: dict[tuple[Address, str], Told] = {}
        self.heard: dict[tuple[str, str], Any] = {}
        """(job, what it waited with) -> what it heard, first or replayed."""
        self.waits: dict[tuple[Address, str], dict[str, tuple[str, tuple[float, int]]]] = {}
        """Of a job: what it waits with -> the name of the signal it waits for, since when."""
        self.asked: list[tuple[Address, str]] = []
        """Questions that somebody saw."""
        self.teller: asyncio.Task[None] | None = None

    # What the store takes ----------------------------------------------------------------------------

    def rung(self, address: Address, uid: str, note: Note) -> None:
        """The store has this note."""
        told = self.jobs.setdefault((address, uid), Told())
        if note.id in told.notes:
            return
        self.model.history.note("note", f"{address} {uid} {note.kind} {note.name} {note.id}")
        if note.kind == "answer" and self._answer(told, note.name) is not None:
            self.model.broken("question", f"{address} {uid}: {note.name} was answered twice: {note.id}")
        told.notes[note.id] = note
        told.since[note.id] = self._now()

    def _now(self) -> tuple[float, int]:
        return self.world.loop.time(), self.world.model.trouble

    def fact(self, address: Address, uid: str, fact: Fact) -> None:
        """A row of the journal says it."""
        told = self.jobs.setdefault((address, uid), Told())
        me = f"{address} {uid}"
        if fact.kind == "signal":
            waits = [n for n in told.notes.values() if n.kind == "signal" and n.name == fact.name]
            first = next((n for n in waits if n.id not in told.taken), None)
            if first is None or first.id != fact.id:
                want = None if first is None else first.id
                self.model.broken("signal", f"{me}: takes {fact.id} of {fact.name}, the next is {want}")
            told.taken.add(fact.id)
        elif fact.kind in ("answer", "expired"):
            question = question_id(uid, 1, fact.id)
            was = self._answer(told, question)
            said = None if fact.kind == "expired" else from_json(fact.data)["note"]
            if said != (None if was is None else was.id):
                self.model.broken("question", f"{me}: hears {said} of {question}, which was closed by {was}")
        elif fact.kind == "ended":
            self._prompt(address, uid, told)

    @staticmethod
    def _answer(told: Told, question: str) -> Note | None:
        return next((n for n in told.notes.values() if n.kind == "answer" and n.name == question), None)

    def _prompt(self, address: Address, uid: str, told: Told) -> None:
        """The job ends. Where nothing went wrong meanwhile, it waited for nothing that had been told long before; hosts
        that share a table find what a dead one had within a minute, so there nothing may ever have gone wrong."""
        world, (now, trouble) = self.world, self._now()
        quiet = 0 if self.model.shared else trouble
        if trouble != quiet or world.history.counts["operator:move"] or self.model.changed:
            return
        for name, since in self.waits.get((address, uid), {}).values():
            for note in told.notes.values():
                late = note.kind == "signal" and note.name == name and note.id not in told.taken
                began, then = max(since, told.since[note.id])
                if late and then == trouble and now - began > PROMPT:
                    self.model.broken("signal-late", f"{address} {uid}: ends, and {note.id} of {name} waits")

    # What bodies hear --------------------------------------------------------------------------------

    def waiting(self, address: Address, uid: str, op: str, name: str) -> None:
        if (f"{address} {uid}", op) not in self.heard:
            waits = self.waits.setdefault((address, uid), {})
            waits.setdefault(op, (name, self._now()))

    def hears(self, address: Address, uid: str, op: str, what: Any) -> None:
        """A body hears it, for the first time or replayed."""
        self.waits.get((address, uid), {}).pop(op, None)
        before = self.heard.setdefault((f"{address} {uid}", op), what)
        if before != what:
            self.model.broken("told-again", f"{address} {uid}: {op} was {before}, and is {what} replayed")

    # Who tells ---------------------------------------------------------------------------------------

    async def tell(self) -> None:
        """For as long as there is trouble: signals and answers to jobs that live, some twice."""
        n = 0
        while self.world.faults.on or n < 8:
            await asyncio.sleep(self.rng.choice([0.1, 1.0, 4.0]) * self.rng.random())
            if not self.model.live:
                n += 1
                continue
            n += 1
            address, uid = self.rng.choice(list(self.model.live))
            if self.rng.random() < 0.6:
                await self._signal(address, uid, f"s{n}")
            else:
                await self._answer_one(address, f"a{n}")
            if n > 60:
                return

    async def _signal(self, address: Address, uid: str, id: str) -> None:
        name = self.rng.choice(NAMES)

        async def signal(runtime: Any) -> Any:
            return await runtime.job_desk().signal(address, uid, OPERATOR, name, {"said": id}, id)

        if await self._insist(signal) is not None:
            told = self.jobs.get((address, uid), Told())
            if (address, uid) in self.model.live and not any(x.endswith(f":{id}") for x in told.notes):
                self.model.broken("signal", f"{address} {uid}: {id} was taken, and is nowhere")

    async def _answer_one(self, address: Address, id: str) -> None:
        async def questions(runtime: Any) -> Any:
            return await runtime.job_desk().questions(address, OPERATOR)

        found = await self._insist(questions)
        self.asked += [(address, x["id"]) for x in found or () if (address, x["id"]) not in self.asked]
        if not self.asked:
            return
        address, question = self.rng.choice(self.asked[-6:])  # some are closed by now

        async def answer(runtime: Any) -> Any:
            return await runtime.job_desk().answer(address, question, OPERATOR, {"said": id}, id)

        done = await self._insist(answer)
        if done is not None and done["first"]:
            self.model.history.note("answered-question", f"{address} {question} {id}")

    async def _insist(self, what: Any) -> Any:
        for n in range(TRIES):
            try:
                machine = self.world.one()
                return await self.world.over(machine, what(machine.runtime))
            except TransientError:
                await asyncio.sleep(0.3 * (n + 1) * self.rng.random())
            except RoostError as error:
                self.model.history.note("tell-refused", error.code)
                return None
        return None
