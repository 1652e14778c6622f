"""An agent whose bodies reach for what they may not."""

from __future__ import annotations

import asyncio
from typing import Any

from roost import Agent, AgentError, Rejected, Retry, Run, action, job, step

from .noted import RAN, Ledger, Notes


class Reaching(Agent[Notes]):
    """Whose body reaches for what it may not."""

    @action
    async def begin(self, what: str) -> str:
        return self.start(None, self.work, what).id

    @job
    async def work(self, run: Run, what: str) -> str:
        try:
            if what == "state":
                self.state.total += 1
            elif what == "http":
                self.http.build_request("GET", "http://x")
            elif what == "ask":
                await self.agent(Ledger, "x").add(1)
            elif what == "kv":
                self.kv.put("a", 1)
            elif what == "tell":
                self.tell(self.agent(Ledger, "x").add, 1)
            elif what == "schedule":
                self.schedule("a", 1, self.fine)
            elif what == "start":
                self.start(None, self.work, "x")
            elif what == "random":
                self.random.random()
            elif what == "thread":
                await asyncio.to_thread(print)
            elif what == "many":
                return str(sum(await asyncio.gather(*(run.step(self.same, n) for n in range(250)))))
            elif what == "loud":
                await run.step(self.loud)
            elif what == "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.to_thread(print))
            elif what == "group of steps":
                async with asyncio.TaskGroup() as group:
                    group.create_task(_awaited(run.step(self.refuse_in_a_group)))
            elif what == "endless":
                while True:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            elif what == "raise":
                raise ValueError("the author's own")
            elif what == "large":
                return "x" * 200_000
            elif what == "in step":
                return await run.step(self.in_step)
            elif what == "log":
                self.log.warning("body %s %s", self.key, self.now)
                run.log.warning("run")
                await run.step(self.fine)
                return "logged"
        except AgentError as error:
            return f"{error.code}: {error.message}"
        return "went"

    async def fine(self) -> None: ...

    async def refuse_in_a_group(self) -> None:
        RAN.append("refused")
        async with asyncio.TaskGroup() as group:
            group.create_task(_refused())

    async def same(self, n: int) -> int:
        return n

    @step(retry=Retry(attempts=1))
    async def loud(self) -> None:
        raise ValueError("x" * 2_000_000)

    async def in_step(self) -> str:
        found: list[Any] = [await self.agent(Ledger, "x").add(2)]
        for reach in (lambda: self.state, lambda: self.kv, lambda: self.tell(self.agent(Ledger, "x").add, 1)):
            try:
                reach()
            except AgentError as error:
                found.append(error.code)
        return str(found)


async def _awaited(one: asyncio.Future[None]) -> None:
    await one


async def _refused() -> None:
    raise Rejected("no seat", code="no-seat")
