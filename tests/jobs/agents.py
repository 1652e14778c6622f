"""Agents with jobs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from roost import (
    Agent,
    Cancelled,
    JobDone,
    Rejected,
    Retry,
    RoostError,
    Run,
    StepFailed,
    StepUnknown,
    action,
    job,
    step,
)
from roost.testing.clock import VirtualHost

from .noted import RAN, Ledger, Notes
from .reaching import Reaching


class Page(BaseModel):
    url: str
    words: int


class Research(Agent[Notes]):
    @action
    async def begin(self, urls: list[str], key: str | None = "one") -> str:
        return self.start(key, self.work, urls).id

    @action
    async def begin_and_fail(self) -> None:
        self.start("one", self.work, ["a"])
        raise Rejected("no")

    @action
    async def stop(self, id: str) -> bool:
        return self.cancel(id)

    @action
    async def listed(self) -> list[str]:
        return [f"{x.name} {x.key}" for x in self.jobs]

    @action(readonly=True)
    async def total(self) -> int:
        return self.state.total

    @job(timeout=timedelta(hours=2))
    async def work(self, run: Run, urls: list[str]) -> int:
        pages = await asyncio.gather(*(run.step(self.fetch, url) for url in urls))
        await run.sleep(timedelta(hours=1))
        words = await run.tick(self.apply, sum(page.words for page in pages))
        total = await run.call(self.agent(Ledger, "x").add, words)
        return total + await run.read(self.total)

    async def fetch(self, url: str) -> Page:
        RAN.append(url)
        return Page(url=url, words=len(url))

    async def apply(self, words: int) -> int:
        RAN.append(f"apply {words}")
        self.state.total += words
        return self.state.total

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(f"{done.name} {done.key} {done.value if done.error is None else done.error.code}")


class Flaky(Agent[Notes]):
    """Whose steps fail."""

    @action
    async def begin(self, how: str) -> str:
        return self.start(None, self.work, how).id

    @job
    async def work(self, run: Run, how: str) -> str:
        try:
            return await run.step(self.sometimes if how == "sometimes" else self.never, how)
        except StepFailed as error:
            return f"{error.type} {error.code} {error.message}"
        except Rejected as error:
            return f"rejected {error.code}"

    @step(retry=Retry(attempts=4, first=60))
    async def sometimes(self, how: str) -> str:
        RAN.append(how)
        if len(RAN) < 3:
            raise ValueError("not yet")
        return "at last"

    @step(retry=Retry(attempts=2))
    async def never(self, how: str) -> str:
        RAN.append(how)
        if how == "reject":
            raise Rejected("no seat", code="no-seat")
        raise KeyError(how)

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(done.result(self.work))


class Once(Agent[Notes]):
    """Whose step runs once at most."""

    @action
    async def begin(self) -> str:
        return self.start(None, self.work).id

    @job
    async def work(self, run: Run) -> Any:
        try:
            return await run.step(self.pay, 3)
        except StepUnknown as error:
            return error.code

    @step(once="at_most")
    async def pay(self, amount: int) -> str:
        RAN.append(f"pay {amount}")
        await asyncio.sleep(3600)
        return "paid"


class Patient(Agent[Notes]):
    """Whose jobs wait, and tidy up when they are cancelled."""

    @action
    async def begin(self, seconds: float, key: str | None = None) -> str:
        return self.start(key, self.work, seconds).id

    @action
    async def begin_many(self, n: int) -> list[str]:
        return [self.start(None, self.work, 3600.0).id for _ in range(n)]

    @action
    async def begin_stubborn(self) -> str:
        return self.start(None, self.stubborn).id

    @action
    async def begin_brief(self) -> str:
        return self.start(None, self.brief).id

    @action(readonly=True)
    async def peek(self) -> None:
        self.start(None, self.work, 1.0)

    @action
    async def stop(self, id: str) -> bool:
        return self.cancel(id)

    @action
    async def touch(self) -> None:
        self.state.total += 1

    @job
    async def work(self, run: Run, seconds: float) -> str:
        try:
            await run.sleep(seconds)
        except Cancelled:
            await run.step(self.tidy)
            raise
        return "slept"

    @job
    async def stubborn(self, run: Run) -> None:
        while True:
            try:
                await run.sleep(3600)
            except Cancelled:
                RAN.append("no")

    @job(timeout=30)
    async def brief(self, run: Run) -> None:
        try:
            await run.step(self.forever)
        finally:
            RAN.append("brief is over")

    async def forever(self) -> None:
        RAN.append("forever")
        try:
            await asyncio.sleep(10**6)
        finally:
            RAN.append("stopped")

    async def tidy(self) -> None:
        RAN.append("tidied")

    async def on_job(self, done: JobDone) -> None:
        if self.state.total > 100:
            raise ValueError("on_job fails")
        self.state.ended.append(done.value if done.error is None else done.error.code)


class Tools(Agent[Notes]):
    """Whose steps act, and fail afterwards."""

    @action
    async def begin(self) -> str:
        return self.start(None, self.work).id

    @job
    async def work(self, run: Run) -> list[int]:
        async def tool() -> int:
            a = await run.tick(self.apply, 2)
            b = await run.call(self.agent(Ledger, "x").add, 3)
            RAN.append("tool")
            if len([x for x in RAN if x == "tool"]) < 3:
                raise ValueError("again")
            return a + b

        return [await run.using(retry=Retry(attempts=60)).step(tool), await run.tick(self.apply, 5)]

    async def apply(self, n: int) -> int:
        self.state.total += n
        return self.state.total


class Posting(Agent[Notes]):
    """Whose step sends requests."""

    @action
    async def begin(self) -> str:
        return self.start(None, self.work).id

    @job
    async def work(self, run: Run) -> int:
        return await run.step(self.post)

    @step(retry=Retry(attempts=6, first=1))
    async def post(self) -> int:
        return (await self.http.post("http://example.com/pay", json={})).raise_for_status().status_code


class Slow(Agent[Notes]):
    """Whose step takes ten minutes."""

    @action
    async def begin(self) -> str:
        return self.start(None, self.work).id

    @action
    async def begin_twice(self) -> str:
        return self.start(None, self.twice).id

    @job
    async def twice(self, run: Run) -> str:
        long = run.using(timeout=600)
        return f"{await long.step(self.long)} {await long.step(self.long)}"

    @action
    async def begin_late(self) -> str:
        return self.start(None, self.late).id

    @action
    async def add(self, n: int) -> int:
        self.state.total += n
        return self.state.total

    @job
    async def late(self, run: Run) -> str:
        async def tool() -> str:
            await run_virtually(3)
            try:
                return str(await run.tick(self.add, 10))
            except RoostError as error:
                RAN.append(error.code)
                raise

        return await run.step(tool)

    @job
    async def work(self, run: Run) -> str:
        return await run.using(timeout=600).step(self.long)

    async def long(self) -> str:
        RAN.append("began")
        try:
            await run_virtually(500)
        except asyncio.CancelledError:
            RAN.append("stopped")
            raise
        return "done"

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(done.value)


CLOCK: list[VirtualHost] = []
"""The host of the world under test: agents have no clock to sleep by."""


async def run_virtually(seconds: float) -> None:
    await CLOCK[0].sleep(seconds)


ALL: list[type[Agent[Any, Any]]] = [Research, Ledger, Flaky, Once, Patient, Reaching, Tools, Posting, Slow]
