"""Lives of a random program: run by chance, replayed, killed after each fact and gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zlib import crc32

from pydantic_core import to_json

from roost.contract.journal import Fact, FactKind
from roost.engine.jobs.body import Body, failure
from roost.engine.jobs.loop import BodyLoop

from .programs import Interpreter, program


def embody(seed: int) -> tuple[Body, Interpreter]:
    """A body that will carry out program `seed`, and its interpreter. Every fourth step runs once at most."""

    def step(name: str, argument: str) -> Any:
        return body.ask(name, argument.encode(), argument, once=crc32(argument.encode()) % 4 == 0)

    def make(loop: BodyLoop) -> Any:
        return interpreter.run(program(seed))

    body = Body(make, seed, 0.0)
    interpreter = Interpreter(step, body.now)
    return body, interpreter


@dataclass(frozen=True)
class Look:
    """What a body has come to: equal for two bodies that heard the same facts."""

    trace: tuple[str, ...]
    wanted: tuple[tuple[str, str, bytes], ...]
    timers: tuple[tuple[str, float], ...]
    outcome: str


@dataclass
class Life:
    """One body of program `seed`, and the facts that it heard."""

    seed: int
    facts: list[Fact] = field(default_factory=list[Fact])
    looks: list[Look] = field(default_factory=list[Look])
    """After no fact, after the first, ..."""

    def __post_init__(self) -> None:
        self.body, self.interpreter = embody(self.seed)
        self.body.begin()
        self.looks.append(self.look())

    def look(self) -> Look:
        loop = self.body.loop
        return Look(
            tuple(self.interpreter.trace),
            tuple((c.id, c.name, c.fingerprint) for c in loop.wanted.values()),
            tuple((t.id, t.when()) for t in loop.timers.values()),
            repr(self.body.outcome()) if self.body.done else "",
        )

    def hear(self, facts: Sequence[Fact]) -> None:
        """Until the body is done: what comes behind its end it never hears."""
        for fact in facts:
            if self.body.done:
                return
            self.body.deliver(fact)
            self.facts.append(fact)
            self.looks.append(self.look())

    def go_on(self, rng: Random) -> None:
        """To the end: one to three things happen at a time, before the body hears of any of them."""
        body = self.body
        now = body.loop.now
        while not body.done:
            body.asked()
            calls = list(body.loop.wanted.values())
            batch: list[Fact] = []
            first = body.next_timer()
            if first is not None and (not calls or rng.random() < 0.25):
                now = max(now, first.when())
                batch = [Fact("fired", now, id) for id in body.due(now)]
            else:
                assert calls, f"program {self.seed} waits for nothing"
                now += rng.random()
                for call in rng.sample(calls, min(len(calls), rng.choice([1, 1, 1, 2, 3]))):
                    failed = call.name == "fail"
                    data = failure(ValueError(call.work)) if failed else to_json(f"v{call.work}")
                    kind: FactKind = "failed" if failed else "value"
                    batch.append(Fact(kind, now, call.id, call.name, call.fingerprint, data))
            self.hear(batch)

    def close(self) -> None:
        self.body.close()
