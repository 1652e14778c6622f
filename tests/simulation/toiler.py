"""The simulated agents with jobs: bodies that do as they are told, and steps that say each time that they run."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from roost import (
    Agent,
    AgentError,
    App,
    Fatal,
    JobDone,
    QuestionExpired,
    Rejected,
    Retry,
    Run,
    StepUnknown,
    TransientError,
    job,
    step,
)
from roost.contract.address import Address

from .app import Actor, Later, Plan, Step, tick_of
from .labour import labours

TIMEOUT: Final = 40.0
"""Seconds of a job: some are cut off by it, and none is left when a run is judged."""
REFUSED: Final = "37"
"""Ids of jobs whose end `on_job` never takes have one of these in the third place from the end."""
AGAIN: Final = Retry(attempts=3, first=0.5, max=2.0)


class Toiler(Actor):
    """Carries plans out, and begins jobs by the way."""

    kind = "actor"

    async def take(self, op: str, i: int, step: Step) -> None:
        match step:
            case ["job", key, inner, plan]:
                born = f"{op[op.find('g') :] if 'g' in op else ''}g{tick_of(self).image.generation}"
                try:
                    self.start(key, self.toil, inner + born, plan)
                except Rejected as error:
                    if error.code != "job-arguments":
                        raise
            case ["quit"]:
                for one in self.jobs[:1]:
                    self.cancel(one.id)
            case _:
                await super().take(op, i, step)

    async def toiled(self, op: str, plan: Plan) -> dict[str, Any]:
        """A tick of a job."""
        labours().ticks(self.key, op, tick_of(self).image.generation)
        return await self.perform(op, plan)

    async def on_job(self, done: JobDone) -> None:
        labours().ended(self.key, done)
        await self.perform(done.id, [])
        if done.id[-3] in REFUSED:
            raise ValueError("it is refused whenever it is told")
        if labours().rng.random() < 0.2:
            raise TransientError("flaky", retry_after=0.2)

    # Steps -------------------------------------------------------------------------------------------

    @step(retry=AGAIN, timeout=8)
    async def dig(self, name: str, how: str) -> list[str]:
        token = labours().begun(name)
        labours().say(name, token, 0)
        await labours().pause()
        labours().say(name, token, 1)
        if how == "flaky" and labours().rng.random() < 0.5:
            raise ValueError("flaky")
        if how == "fatal":
            raise Fatal(name)
        return [name, token]

    @step(retry=AGAIN, timeout=8, once="at_most")
    async def risk(self, name: str) -> list[str]:
        token = labours().begun(name, once=True)
        await labours().pause()
        return [name, token]

    # The body ----------------------------------------------------------------------------------------

    @job(timeout=TIMEOUT)
    async def toil(self, run: Run, op: str, plan: Plan) -> list[Any]:
        return await Toil(self, run, op).all(plan)


class Toil:
    """One job's body."""

    def __init__(self, agent: Toiler, run: Run, op: str) -> None:
        self.agent = agent
        self.run = run
        self.born = op[op.find("g") :]

    async def all(self, plan: Plan) -> list[Any]:
        try:
            return [await self.one(step) for step in plan]
        except asyncio.CancelledError:
            await self.dig(f"{plan[0][1]}x", "")  # it tidies up
            raise

    async def dig(self, op: str, how: str) -> Any:
        name = f"{self.agent.key}/{self.run.id}/{op}/{self.run.random.random():.4f}"
        try:
            found = await self.run.step(self.agent.dig, name, how)
        except AgentError as error:
            return error.code
        labours().heard(*found)
        return found

    async def one(self, step: Step) -> Any:
        run, agent = self.run, self.agent
        match step:
            case ["dig", op, how]:
                return await self.dig(op, how)
            case ["risk", op]:
                try:
                    found = await run.step(agent.risk, f"{agent.key}/{run.id}/{op}")
                except StepUnknown as error:
                    return error.code
                labours().heard(*found)
                return found
            case ["nap", _, seconds]:
                await run.sleep(seconds)
                return run.now.timestamp()
            case ["tick", op, plan]:
                return await self.mark(run.tick(agent.toiled, op + self.born, plan))
            case ["call", op, to, plan]:
                return await self.mark(run.call(agent.agent(type(agent), to).work, op + self.born, plan))
            case ["hear", op, name]:
                return await self.hear(op, name)
            case ["inquire", op, seconds]:
                return await self.inquire(op, seconds)
            case ["peek", _]:
                return await self.mark(run.read(agent.peek))
            case ["gather", _, *plans]:
                return await asyncio.gather(*(self.all(plan) for plan in plans))
            case ["group", _, *plans]:
                try:
                    async with asyncio.TaskGroup() as group:
                        tasks = [group.create_task(self.all(plan)) for plan in plans]
                except ExceptionGroup as error:
                    raise error.exceptions[0] from error
                return [task.result() for task in tasks]
            case ["first", _, *plans]:
                return await run.first(*(self.all(plan) for plan in plans))
            case ["limit", _, seconds, plan]:
                try:
                    async with asyncio.timeout(seconds):
                        return await self.all(plan)
                except TimeoutError:
                    return "late"
            case _:
                raise Rejected("so it was planned", code="planned")

    async def hear(self, op: str, name: str) -> str:
        """A signal."""
        telling, uid = labours().told, self.run.id.partition("/")[0]
        telling.waiting(Address("actor", self.agent.key), uid, op, name)
        found = await self.run.wait(name, dict[str, str])
        telling.hears(Address("actor", self.agent.key), uid, op, found["said"])
        return found["said"]

    async def inquire(self, op: str, seconds: float) -> str:
        """The answer to a question, or that there was none."""
        try:
            said = (await self.run.question(dict[str, str], op, timeout=seconds)).value["said"]
        except QuestionExpired:
            said = "nobody"
        labours().told.hears(Address("actor", self.agent.key), self.run.id.partition("/")[0], op, said)
        return said

    async def mark(self, what: Any) -> Any:
        try:
            found = await what
        except AgentError as error:
            return error.code
        labours().shown(found["token"])
        return found["token"]


class LaterToiler(Toiler, Later):
    """What a newer version of the app has in its place: a job that begins otherwise."""

    kind = "actor"

    @job(timeout=TIMEOUT)
    async def toil(self, run: Run, op: str, plan: Plan) -> list[Any]:
        one = Toil(self, run, op)
        return [await one.dig("new", ""), *await one.all(plan)]


RELEASES: Final[dict[int, type[Agent[Any]]]] = {1: Toiler, 2: LaterToiler}


def make(release: int) -> App:
    """A fresh app: one is bound to one runtime."""
    return App([RELEASES[release]])
