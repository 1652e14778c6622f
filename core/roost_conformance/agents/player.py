"""An agent that does as it is told: each step of a program is one effect, read or failure.

Random programs are written in it: of the check that all backends do the same, and of the load under which hosts
are killed.
"""

from __future__ import annotations

import json
from secrets import token_hex
from typing import Any, TypeAlias

from pydantic import BaseModel

from roost import (
    Agent,
    Connection,
    Every,
    JobDone,
    Rejected,
    Retry,
    RoostError,
    Run,
    StepUnknown,
    TransientError,
    action,
    job,
    step,
)

from .ledger import Ledger

Step: TypeAlias = list[Any]
"""[what, argument, ...]; `_step` below says what there is."""


TICK = 2e-6
"""Seconds: `now` is rounded to microseconds, when a schedule is set and when it rings."""


class Score(BaseModel):
    totals: dict[str, int] = {}
    early: list[str] = []
    """Occurrences that came before their time; there must be none."""


class Player(Agent[Score]):
    @action(retry=Retry(attempts=2, first=0.05))
    async def play(self, steps: list[Step]) -> list[Any]:
        """What each step answers; the first that raises ends the tick."""
        return [await self._step(step) for step in steps]

    @action(readonly=True)
    async def total(self, name: str) -> int:
        return self.state.totals.get(name, 0)

    async def rung(self, name: str, due: float | None, steps: list[Step]) -> None:
        """What a schedule set by a step runs."""
        if due is not None and self.now.timestamp() < due - TICK:
            self.state.early.append(f"{name} by {due - self.now.timestamp()} s")
        await self.play(steps)

    @job
    async def course(self, run: Run, name: str, ledger: str) -> str:
        """Laps, one after the other, written down whenever one is run; a payment, once at most; then a tick."""
        words = [await run.step(self.lap, ledger, f"{name} {n}") for n in range(3)]
        try:
            words.append(await run.step(self.pay, ledger, f"{name} paid"))
        except StepUnknown:
            words.append("unknown")
        await run.sleep(0.05)
        await run.tick(self.arrive, f"{name}j")
        return " ".join(words)

    async def lap(self, ledger: str, line: str) -> str:
        await self.agent(Ledger, ledger, idempotency_key=token_hex(8)).write(line)
        return line

    @step(once="at_most")
    async def pay(self, ledger: str, line: str) -> str:
        return await self.lap(ledger, line)

    async def arrive(self, name: str) -> int:
        return self._add(name)

    async def on_job(self, done: JobDone, /) -> None:
        self._add(f"{done.key}e" if done.error is None else f"{done.key} {done.error.code}")

    async def on_connect(self, connection: Connection, /) -> None:
        self._add("connected")

    async def on_disconnect(self, connection: Connection, /) -> None:
        self._add("left")

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        """A program too, whose answers are sent back; `attach` is of this connection."""
        answers: list[Any] = []
        for one in json.loads(message):
            if one[0] == "attach":
                connection.attachment = one[1]
            else:
                answers.append(await self._step(one))
        connection.send({"answers": answers})

    def _add(self, name: str, by: int = 1) -> int:
        self.state.totals[name] = self.state.totals.get(name, 0) + by
        return self.state.totals[name]

    async def _step(self, step: Step) -> Any:
        match step:
            case ["add", str(name), int(by)]:
                return self._add(name, by)
            case ["forget"]:
                self.state = Score(early=self.state.early)
            case ["record", str(kind), data]:
                self.record(kind, data)
            case ["events", int(after)]:
                return [[entry.seq, entry.kind, entry.data] for entry in await self.events(after=after)]
            case ["put", str(key), value]:
                self.kv.put(key, value)
            case ["delete", str(key)]:
                self.kv.delete(key)
            case ["get", str(key)]:
                return await self.kv.get(key, object, "nothing")
            case ["scan", str(prefix)]:
                return [[key, value] async for key, value in self.kv.scan(object, prefix=prefix)]
            case ["size", str(what), int(size)]:
                return self._large(what, size)
            case ["fail", str(how)]:
                raise _failure(how)
            case _:
                return await self._outward(step)
        return None

    def _large(self, what: str, size: int) -> Any:
        """Something of `size` characters, or so many of it: at the edge of a limit, or over it."""
        match what:
            case "value":
                self.kv.put("large", "x" * size)
            case "values":
                for n in range(size):
                    self.kv.put(f"value/{n}", n)
            case "state":
                self._add("x" * size)
            case "entry":
                self.record("large", "x" * size)
            case "frame":
                self.broadcast("x" * size)
            case "schedules":
                for n in range(size):
                    self.schedule(f"s{n}", 86400, self.rung, "far", None, [])
            case _:
                return "x" * size
        return None

    async def _outward(self, step: Step) -> Any:
        """Steps that reach others: agents, the clock, connections."""
        match step:
            case ["tell", str(key), [*steps]]:
                self.tell(self.agent(Player, key).play, steps)
            case ["ask", str(key), [*steps]]:
                try:
                    return await self.agent(Player, key).play(steps)
                except (TransientError, RoostError) as error:
                    return {"refused": error.code}
            case ["later", str(name), int() | float() as seconds, [*steps]]:
                self.schedule(name, seconds, self.rung, name, self.now.timestamp() + seconds, steps)
            case ["every", str(name), int() | float() as seconds, [*steps]]:
                self.schedule(name, Every(seconds), self.rung, name, None, steps)
            case ["job", str(name), str(ledger)]:
                self.start(name, self.course, name, ledger)
            case ["drop", str(name)]:
                return self.unschedule(name)
            case ["broadcast", data]:
                self.broadcast(data)
            case ["seats"]:
                return sorted([one.label, one.attachment] for one in self.connections)
            case ["hang up", str(label)]:
                for one in self.connections:
                    if one.label == label:
                        one.close(4001, "off you go")
            case _:
                raise Rejected(f"no such step: {step}", code="no-such-step")
        return None


def _failure(how: str) -> Exception:
    if how == "rejected":
        return Rejected("not this", code="refused-by-program", status=409, data={"how": how})
    if how == "transient":
        return TransientError("not now", retry_after=1)
    return ValueError("the password is swordfish")


AGENTS: list[type[Agent[Any, Any]]] = [Player]
