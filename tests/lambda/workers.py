"""Agents with jobs, for hosts that share one table."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from roost import Agent, Cancelled, JobDone, Run, StepUnknown, action, job, step

from .hosts import Counter

RAN: list[str] = []
"""Steps, as they ran."""
GATES: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
"""Of steps that wait inside: entered, free."""


async def passed(name: str) -> None:
    """Through its gate, if there is one."""
    if name in GATES:
        entered, free = GATES.pop(name)
        entered.set()
        await free.wait()


def gate(name: str) -> tuple[asyncio.Event, asyncio.Event]:
    GATES[name] = entered, free = asyncio.Event(), asyncio.Event()
    return entered, free


class Kept(BaseModel):
    total: int = 0
    ended: list[Any] = []


class Worker(Agent[Kept]):
    @action
    async def begin(self, how: str = "all") -> str:
        return self.start(None, {"all": self.work, "once": self.once, "brief": self.brief, "waits": self.waits}[how]).id

    @action
    async def stop(self, id: str) -> bool:
        return self.cancel(id)

    @action(readonly=True)
    async def ended(self) -> list[Any]:
        return self.state.ended

    @job(timeout=timedelta(days=10))
    async def work(self, run: Run) -> int:
        first = await asyncio.gather(*(run.step(self.fetch, n) for n in range(3)))
        await run.sleep(600)
        own = await run.tick(self.apply, sum(first))
        return own + await run.call(self.agent(Counter, "other").increment, 10)

    @action
    async def hold(self) -> None:
        await passed("hold")

    @job
    async def brief(self, run: Run) -> int:
        return await run.tick(self.apply, await run.step(self.fetch, 7))

    @job
    async def once(self, run: Run) -> str:
        try:
            return await run.step(self.pay)
        except StepUnknown as error:
            return error.code

    @job(timeout=timedelta(days=10))
    async def waits(self, run: Run) -> None:
        try:
            await run.sleep(timedelta(days=5))
        except Cancelled:
            await run.step(self.fetch, 9)
            raise

    @step(timeout=100)
    async def fetch(self, n: int) -> int:
        RAN.append(f"fetch {n}")
        await passed(f"fetch {n}")
        return n

    async def apply(self, n: int) -> int:
        self.state.total += n
        return self.state.total

    @step(once="at_most", timeout=100)
    async def pay(self) -> str:
        RAN.append("pay")
        await passed("pay")
        return "paid"

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(done.value if done.error is None else done.error.code)
