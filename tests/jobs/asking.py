"""Agents whose jobs wait for others."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from roost import (
    Agent,
    AgentError,
    Cancelled,
    Every,
    JobDone,
    JobRef,
    QuestionExpired,
    Rejected,
    RoostError,
    Run,
    action,
    job,
)

from .noted import RAN, Notes


class Approval(BaseModel):
    approved: bool
    limit: int = Field(default=0, le=100)


class Asking(Agent[Notes]):
    """Whose job asks somebody, and acts on what it is told."""

    @action
    async def begin(self, how: str = "ask", key: str | None = "one") -> str:
        return self.start(key, self.work, how).id

    @action
    async def approve(self, job: str, question: str, approved: bool) -> bool:
        return self.answer_question(job, question, {"approved": approved})

    @action
    async def stop(self, job: str) -> bool:
        return self.cancel(job)

    @job(timeout=timedelta(days=2))
    async def work(self, run: Run, how: str) -> str:
        if how == "both":
            first, second = await asyncio.gather(
                run.question(Approval, "first?"), run.question(int, "second?", who="teller")
            )
            return f"{first.value.approved} {second.value} {second.by}"
        if how == "crowd":
            many = await asyncio.gather(*(run.question(int, f"{n}?") for n in range(33)), return_exceptions=True)
            return str(many[-1])
        if how == "give up":
            try:
                async with asyncio.timeout(60):
                    await run.question(Approval, "quick?")
            except TimeoutError:
                await run.sleep(3600)
                return "nobody was quick"
        try:
            said = await run.question(Approval, "Spend 5?", timeout=timedelta(hours=1))
        except QuestionExpired:
            await run.step(self.note, "expired")
            return "expired"
        except Rejected as error:
            return error.code
        await run.step(self.note, f"{said.by} {said.source}")
        return f"{said.value.approved} by {said.by}"

    async def note(self, what: str) -> None:
        RAN.append(what)

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(done.value if done.error is None else done.error.code)


class Waiting(Agent[Notes]):
    """Whose job is told things."""

    @action
    async def begin(self, how: str = "two") -> str:
        return self.start(None, self.work, how).id

    @action
    async def tell_it(self, job: str, name: str, value: Any) -> bool:
        return self.signal(job, name, value)

    @action
    async def begin_and_tell(self) -> str:
        ref = self.start(None, self.work, "two")
        self.signal(ref, "word", "early")
        self.signal(ref, "word", "late")
        return ref.id

    @job
    async def work(self, run: Run, how: str) -> list[Any]:
        if how == "number":
            try:
                return [await run.wait("n", int)]
            except Rejected as error:
                return [error.code, await run.wait("n", int)]
        if how == "race":
            found: list[Any] = []
            while len(found) < 8:
                try:
                    async with asyncio.timeout(2):
                        found.append(await run.wait("word", int))
                except TimeoutError:
                    await run.step(self.prepare)
            return found
        await run.step(self.prepare)
        first = await run.wait("word", str)
        await run.step(self.prepare)
        return [first, await run.wait("word", str)]

    async def prepare(self) -> None:
        RAN.append("prepared")

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(str(done.value if done.error is None else done.error.code))


class Nightly(Agent[Notes]):
    """Whose schedule starts a job."""

    @action
    async def begin(self, seconds: float, words: list[str]) -> None:
        self.schedule("nightly", Every(seconds=seconds), self.work, words)

    @action
    async def tell_job(self) -> None:
        self.tell(self.work, None, [])  # type: ignore[arg-type]

    @job
    async def work(self, run: Run, words: list[str]) -> str:
        await run.sleep(90)
        return " ".join(words)

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(f"{done.key} {done.value if done.error is None else done.error.code}")


class Parent(Agent[Notes]):
    """Whose job has children, and waits for what they return."""

    @action
    async def begin(self, seconds: list[float]) -> str:
        return self.start(None, self.work, seconds).id

    async def begin_child(self, seconds: float) -> JobRef[str]:
        return self.start(None, self.child, seconds)

    @job(timeout=timedelta(days=20))
    async def work(self, run: Run, seconds: list[float]) -> list[str]:
        refs = [await run.tick(self.begin_child, s) for s in seconds]
        found: list[str] = []
        for ref in refs:
            try:
                found.append(await run.result(ref))
            except RoostError as error:
                found.append(error.code)
        for strange in (JobRef[str]("9.9", "child"), JobRef[str](run.id.partition("/")[0], "work")):
            try:
                found.append(await run.result(strange))
            except AgentError as error:
                found.append(error.code)
        return found

    @job(timeout=timedelta(days=15))
    async def child(self, run: Run, seconds: float) -> str:
        if seconds < 0:
            raise Rejected("no such time", code="no-time")
        await run.sleep(seconds)
        return f"{seconds:g}"


class Rounds(Agent[Notes]):
    """Whose job goes on for long, a round at a time."""

    @action
    async def begin(self, rounds: int, how: str = "") -> str:
        return self.start("one", self.work, rounds, how=how).id

    @action
    async def stop(self) -> bool:
        return self.cancel("one")

    @job
    async def work(self, run: Run, rounds: int, so_far: list[str] | None = None, *, how: str = "") -> list[str]:
        found = so_far or []
        if how == "ask" and not found:
            asked = asyncio.ensure_future(run.question(int, "never mind"))
            await run.step(self.turn, run.id)
            asked.cancel()
        if how == "stubborn":
            try:
                await run.sleep(3600)
            except Cancelled:
                run.again(rounds, ["stubborn"], how=how)
        await run.step(self.turn, run.id)
        found = [*found, await run.wait("word", str)]
        if how == "wrong":
            run.again("many")
        if len(found) < rounds:
            run.again(rounds, found, how=how)
        return found

    async def turn(self, id: str) -> None:
        RAN.append(id.partition("/")[2])

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append(str(done.value if done.error is None else done.error.code))


OTHERS: list[type[Agent[Any, Any]]] = [Asking, Waiting, Rounds, Nightly, Parent]
