"""An agent whose jobs say what they do while they do it."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import Any

from pydantic import BaseModel

from roost import Agent, JobDone, Retry, Run, TransientError, action, job, step

from .worker import stand

LETTERS = 24


class Talk(BaseModel):
    ended: list[dict[str, Any]] = []


class Speller(Agent[Talk]):
    @action
    async def begin(self, name: str, args: list[Any], key: str | None = None) -> str:
        return self.start(key, getattr(self, name), *args).id

    async def on_job(self, done: JobDone) -> None:
        error = None if done.error is None else done.error.code
        self.state.ended.append({"id": done.id, "value": done.value, "error": error})

    # Steps --------------------------------------------------------------------------------------------

    @step(timeout=300.0)
    async def spell(self, word: str, gate: str | None, pause: float) -> str:
        """Say a word letter by letter; in its middle stand at the gate."""
        run = Run.current()
        said = ""
        for n in range(LETTERS):
            run.stream("text", str).emit(letter := chr(97 + n))
            run.stream(word).emit({"n": n})
            said += letter
            await asyncio.sleep(pause)
            if n == LETTERS // 2:
                await stand(self, gate)
        return said

    @step(retry=Retry(attempts=3, first=0.05))
    async def stumble(self, gate: str) -> str:
        """Fails once, when it has said something: the gate counts."""
        run = Run.current()
        run.emit("one")
        await asyncio.sleep(0.05)
        if await self.agent(Stumbles, gate, idempotency_key=token_hex(8)).next() < 2:
            raise TransientError("it stumbled")
        run.emit("two")
        return "done"

    @step(retry=Retry(attempts=1))
    async def much(self, count: int, size: int) -> int:
        run = Run.current()
        for n in range(count):
            run.emit(f"{n} " + "x" * size)
            if n % 4 == 3:
                await asyncio.sleep(0.02)
        return count

    @step(retry=Retry(attempts=1))
    async def wrong(self) -> list[str]:
        """The codes of what is refused."""
        run, codes = Run.current(), list[str]()
        given: list[tuple[str, Any, Any]] = [
            ("a b", str, "x"), ("", str, "x"), ("t", int, "x"), ("t", str, "x" * 70_000), ("t", Any, float("nan")),
        ]  # fmt: skip
        for name, kind, item in [*given, *[(f"s{n}", int, n) for n in range(17)]]:
            try:
                run.stream(name, kind).emit(item)
            except Exception as error:
                codes.append(getattr(error, "code", repr(error)))
        return codes

    # Jobs ---------------------------------------------------------------------------------------------

    @job
    async def talk(self, run: Run, gate: str | None, pause: float = 0.01) -> str:
        return await run.step(self.spell, "word", gate, pause)

    @job
    async def both(self, run: Run, gate: str) -> list[str]:
        """Two at once in one stream; one of them at the gate."""
        return [*await asyncio.gather(run.step(self.spell, "a", None, 0.01), run.step(self.spell, "b", gate, 0.01))]

    @job
    async def falter(self, run: Run, gate: str) -> str:
        return await run.step(self.stumble, gate)

    @job
    async def shout(self, run: Run, count: int, size: int) -> int:
        return await run.step(self.much, count, size)

    @job
    async def err(self, run: Run) -> list[str]:
        return await run.step(self.wrong)

    @job
    async def blurt(self, run: Run) -> None:
        run.emit("in the body")


class Count(BaseModel):
    n: int = 0


class Stumbles(Agent[Count]):
    @action
    async def next(self) -> int:
        self.state.n += 1
        return self.state.n


AGENTS: list[type[Agent[Any, Any]]] = [Speller, Stumbles]
