"""Agents whose jobs run in workerd, and one that is told what their steps do. They import nothing from this folder."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import Any

from pydantic import BaseModel

from roost import Agent, App, JobDone, Run, StepUnknown, action, job, step


class Sums(BaseModel):
    total: int = 0
    said: list[str] = []
    ended: list[str] = []


class Witness(Agent[Sums]):
    @action
    async def say(self, what: str) -> None:
        self.state.said.append(what)

    @action(readonly=True)
    async def heard(self) -> list[str]:
        return self.state.said


class Worker(Agent[Sums]):
    @action
    async def begin(self, job: str, args: list[Any]) -> str:
        return self.start(None, getattr(self, job), *args).id

    @action
    async def begin_many(self, first: int, count: int) -> None:
        for n in range(first, first + count):
            self.start(None, self.work, [n])

    @action
    async def ring(self, seconds: float) -> None:
        self.schedule("bell", seconds, self.rang)

    @action
    async def rang(self) -> None:
        await self.agent(Witness, self.key).say("rang")

    @action(readonly=True)
    async def ended(self) -> list[str]:
        return self.state.ended

    @job
    async def work(self, run: Run, numbers: list[int]) -> int:
        squares = await asyncio.gather(*(run.step(self.square, n) for n in numbers))
        return await run.tick(self.apply, sum(squares))

    @job
    async def steps(self, run: Run, n: int) -> int:
        for _ in range(n):
            await run.step(self.nothing)
        return n

    @job
    async def naps(self, run: Run, seconds: float, step: str) -> None:
        await run.step(self.say, f"{step} 1")
        await run.sleep(seconds)
        await run.step(self.say, f"{step} 2")

    @job
    async def lingers(self, run: Run, seconds: float) -> None:
        await run.step(self.say, "before")
        await run.step(self.linger, seconds)

    @job
    async def pays(self, run: Run, seconds: float) -> str:
        try:
            return await run.step(self.pay, seconds)
        except StepUnknown as error:
            return error.code

    @job
    async def large(self, run: Run, size: int) -> int:
        return len(await run.step(self.text, size))

    async def text(self, size: int) -> str:
        return "x" * size

    async def nothing(self) -> None: ...

    async def say(self, what: str) -> None:
        await self.agent(Witness, self.key, idempotency_key=token_hex(8)).say(what)  # each run of the step is told

    async def square(self, n: int) -> int:
        await self.say(f"square {n}")
        return n * n

    async def linger(self, seconds: float) -> None:
        await self.say("lingers")
        await asyncio.sleep(seconds)

    @step(once="at_most")
    async def pay(self, seconds: float) -> str:
        await self.say("pays")
        await asyncio.sleep(seconds)
        return "paid"

    async def apply(self, n: int) -> int:
        self.state.total += n
        return self.state.total

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(f"{done.name} {done.value if done.error is None else done.error.code}")


app = App([Worker, Witness])
