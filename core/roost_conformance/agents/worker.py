"""An agent whose jobs do one thing each. Steps write down that they ran, and stand at gates that a case opens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any

from pydantic import BaseModel

from roost import (
    Agent,
    AgentError,
    Cancelled,
    Fatal,
    JobDone,
    Rejected,
    Retry,
    Run,
    StepFailed,
    StepUnknown,
    action,
    job,
    step,
)
from roost.contract.errors import Unreadable

from .gate import Gate
from .ledger import Ledger


class Shift(BaseModel):
    total: int = 0
    kept: list[Any] = []
    ended: list[dict[str, Any]] = []
    refusing: bool = False


class Found(BaseModel):
    name: str
    price: Decimal
    at: datetime
    size: tuple[int, int]
    tags: set[str] = set()


class Worker(Agent[Shift]):
    @action
    async def begin(self, name: str, args: list[Any], key: str | None = None) -> str:
        """Start the job of that name; its id."""
        return self.start(key, getattr(self, name), *args).id

    @action
    async def begin_many(self, count: int, seconds: float) -> list[str]:
        return [self.start(None, self.nap, seconds).id for _ in range(count)]

    @action
    async def begin_and_fail(self, ledger: str) -> None:
        self.start(None, self.write, ledger, "never")
        raise Rejected("not this time", code="not-now")

    @action(readonly=True)
    async def begin_readonly(self, ledger: str) -> None:
        self.start(None, self.write, ledger, "never")

    @action
    async def stop(self, job: str) -> bool:
        return self.cancel(job)

    @action
    async def listed(self) -> list[list[str | None]]:
        return [[ref.id, ref.name, ref.key] for ref in self.jobs]

    @action
    async def add(self, n: int) -> int:
        self.state.total += n
        return self.state.total

    @action
    async def keep(self, what: Any) -> None:
        """What a body knew, so that it can be compared with what it knows when it is replayed."""
        self.state.kept.append(what)

    @action(readonly=True)
    async def total(self) -> int:
        return self.state.total

    @action
    async def remind(self, seconds: float, ledger: str) -> None:
        self.schedule("reminder", seconds, self.note, ledger, "reminder")

    @action
    async def write_later(self, seconds: float, ledger: str, line: Any) -> None:
        self.schedule("nightly", seconds, self.write, ledger, line)

    @action
    async def note(self, ledger: str, line: str) -> None:
        await self.agent(Ledger, ledger, idempotency_key=token_hex(8)).write(line)

    @action
    async def hold(self, gate: str) -> None:
        await stand(self, gate)

    @action
    async def refuse_ends(self, refusing: bool) -> None:
        self.state.refusing = refusing

    async def on_job(self, done: JobDone) -> None:
        if self.state.refusing:
            raise Unreadable("not now")  # hopeless, so it is not tried five times
        self.state.ended.append({
            "id": done.id, "name": done.name, "key": done.key, "value": done.value,
            "error": None if done.error is None else done.error.code,
            "message": None if done.error is None else done.error.message,
        })  # fmt: skip

    # What steps do ------------------------------------------------------------------------------------

    async def do(self, ledger: str, line: str, gate: str | None = None) -> str:
        """Write the line, once a run of the step, and stand at the gate. A word that no other run says."""
        await self.agent(Ledger, ledger, idempotency_key=token_hex(8)).write(line)
        await stand(self, gate)
        return f"{line} {token_hex(4)}"

    @step(once="at_most")
    async def pay(self, ledger: str, gate: str) -> str:
        return await self.do(ledger, "paid", gate)

    @step(retry=Retry(attempts=3, first=0.05))
    async def fail(self, ledger: str, how: str) -> str:
        await self.do(ledger, how)
        if how == "reject":
            raise Rejected("no seat", code="no-seat", data={"row": 7})
        raise ValueError("no such thing")

    async def look(self) -> Found:
        return Found(
            name="a", price=Decimal("1.10"), at=datetime(2026, 3, 29, 2, 30, tzinfo=UTC), size=(1, 2), tags={"x"}
        )

    async def pairs(self) -> dict[int, tuple[int, timedelta]]:
        return {1: (2, timedelta(seconds=3))}

    async def loose(self) -> Any:
        return {1: (2, 3)}

    # Jobs ---------------------------------------------------------------------------------------------

    @job
    async def write(self, run: Run, ledger: str, line: str, gate: str | None = None) -> str:
        return await run.step(self.do, ledger, line, gate)

    @job
    async def chain(self, run: Run, ledger: str, gate: str, at: int) -> list[str]:
        """Four steps; that number `at` stands at the gate."""
        words = [await run.step(self.do, ledger, f"step {n}", gate if n == at else None) for n in range(4)]
        total = await run.tick(self.add, 1)
        return [*words, str(total)]

    @job
    async def nested(self, run: Run, ledger: str, gate: str) -> list[list[str]]:
        """Branches with branches; each is as far as it came when one of them stands still."""

        async def leaf(branch: int, n: int) -> str:
            first = await run.step(self.do, ledger, f"{branch}.{n} first")
            second = await run.step(self.do, ledger, f"{branch}.{n} second", gate if branch == n == 1 else None)
            return f"{first}, {second}"

        async def branch(number: int) -> list[str]:
            return await asyncio.gather(*(leaf(number, n) for n in range(number + 1)))

        return await asyncio.gather(*(branch(n) for n in range(3)))

    @job
    async def queue(self, run: Run, ledger: str, gate: str) -> list[str]:
        """Three workers take nine things from one queue."""
        things: asyncio.Queue[int] = asyncio.Queue()
        found: list[str] = []
        for n in range(9):
            things.put_nowait(n)

        async def worker(name: str) -> None:
            while not things.empty():
                n = things.get_nowait()
                word = await run.step(self.do, ledger, f"{n}", gate if n == 8 else None)
                found.append(f"{name} {word}")

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(worker(name))
        return found

    @job
    async def equal(self, run: Run, ledger: str, gate: str) -> list[str]:
        """Steps that nothing tells apart but their branch."""
        words = list(await asyncio.gather(*(run.step(self.do, ledger, "same") for _ in range(4))))
        words += await asyncio.gather(*(run.step(self.do, ledger, "same") for _ in range(4)))
        return await self._kept(run, words, ledger, gate)

    @job
    async def race(self, run: Run, ledger: str, gate: str, other: str) -> list[Any]:
        """The first of two; the other stands at a gate of its own."""
        place, word = await run.first(run.step(self.do, ledger, "slow", other), run.step(self.do, ledger, "fast"))
        return await self._kept(run, [place, word], ledger, gate)

    @job
    async def give_up(self, run: Run, ledger: str, gate: str, other: str) -> list[Any]:
        """A step that takes too long for the body."""
        said: list[Any] = []
        try:
            async with asyncio.timeout(0.5):
                said.append(await run.step(self.do, ledger, "slow", other))
        except TimeoutError:
            said.append("timeout")
        return await self._kept(run, said, ledger, gate)

    @job
    async def siblings(self, run: Run, ledger: str, gate: str, other: str) -> list[str]:
        """One of a group fails, so the other is cancelled, and tidies up."""
        said: list[str] = []

        async def patient() -> None:
            try:
                await run.step(self.do, ledger, "slow", other)
            except Cancelled:
                said.append(await run.step(self.do, ledger, "tidy"))
                raise

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(patient())
                group.create_task(run.step(self.fail, ledger, "reject"))  # type: ignore[arg-type]
        except* Rejected as errors:
            said.append(f"{len(errors.exceptions)} {errors.exceptions[0]}")
        return await self._kept(run, said, ledger, gate)

    @job
    async def values(self, run: Run, ledger: str, gate: str) -> list[str]:
        found: list[Any] = [await run.step(self.look), await run.step(self.pairs), await run.step(self.loose)]
        found += [run.now, run.random.random(), run.uuid()]
        return await self._kept(run, [repr(what) for what in found], ledger, gate)

    @job
    async def failures(self, run: Run, ledger: str, gate: str) -> list[list[Any]]:
        said: list[list[Any]] = []
        for how in ("raise", "reject"):
            try:
                await run.step(self.fail, ledger, how)
            except StepFailed as error:
                said.append(["failed", error.type, error.code, error.message])
            except Rejected as error:
                said.append(["rejected", error.code, error.message, error.data])
        return await self._kept(run, said, ledger, gate)

    async def _kept(self, run: Run, what: list[Any], ledger: str, gate: str) -> list[Any]:
        """Says what the body knows before and after a step at a gate."""
        await run.tick(self.keep, what)
        await run.step(self.do, ledger, "kept", gate)
        return what

    @job
    async def once(self, run: Run, ledger: str, gate: str) -> str:
        try:
            return await run.step(self.pay, ledger, gate)
        except StepUnknown as error:
            return error.code

    @job
    async def stray(self, run: Run, ledger: str, gate: str) -> None:
        """Whose body goes another way each time."""
        await run.step(self.do, ledger, token_hex(4))
        await run.step(self.do, ledger, "at the gate", gate)

    @job
    async def reach(self, run: Run) -> list[str]:
        """What the body may not: the code of each refusal."""
        said: list[str] = []
        for what in (
            lambda: self.state.total, lambda: self.kv, lambda: self.http.build_request("GET", "http://x"),
            lambda: self.random, lambda: self.tell(self.add, 1), lambda: self.start(None, self.nap, 1.0),
            lambda: self.schedule("a", 1, self.add, 1),
        ):  # fmt: skip
            try:
                what()
                said.append("went")
            except AgentError as error:
                said.append(error.code)
        aways: list[Callable[[], Awaitable[Any]]] = [
            lambda: self.agent(Ledger, "x").write("no"), lambda: asyncio.to_thread(len, "no")
        ]  # fmt: skip
        for away in aways:
            try:
                await away()
                said.append("went")
            except AgentError as error:
                said.append(error.code)
        return said

    @job
    async def tools(self, run: Run, ledger: str, other: str) -> list[int]:
        """A step that acts, and fails twice after it."""

        async def tool() -> int:
            count = await self.agent(Ledger, ledger, idempotency_key=token_hex(8)).write("tool")
            mine = await run.tick(self.add, 2)
            theirs = await run.call(self.agent(Ledger, other).write, "called")
            if count < 3:
                raise ValueError("again")
            return 10 * mine + theirs

        found = await run.using(retry=Retry(attempts=9, first=0.05)).step(tool)
        return [found, await run.tick(self.add, 5), await run.read(self.total)]

    @job
    async def post(self, run: Run, url: str, ledger: str, gate: str) -> str:
        """A request whose answer its step forgets when it dies."""

        async def send() -> str:
            async with self.http as client:
                answer = await client.post(url, json={})
            await self.do(ledger, "sent", gate)
            return answer.text

        return await run.step(send)

    @job
    async def insist(self, run: Run, url: str) -> str:
        """A request that fails before and after it was answered."""

        async def send() -> str:
            async with self.http as client:
                return (await client.post(url, json={})).raise_for_status().text

        return await run.using(retry=Retry(attempts=9, first=0.05)).step(send)

    @job
    async def nap(self, run: Run, seconds: float, ledger: str | None = None) -> str:
        """Sleeps; cancelled, it tidies up."""
        try:
            await run.sleep(seconds)
        except Cancelled:
            if ledger is not None:
                await run.step(self.do, ledger, "tidied")
            raise
        if ledger is not None:
            await run.step(self.do, ledger, "slept")
        return "slept"

    @job(timeout=timedelta(seconds=1))
    async def brief(self, run: Run, gate: str) -> None:
        await run.step(self.hold, gate)

    @job
    async def block(self, run: Run, n: int) -> list[Any]:
        """Functions that block, beside each other; where there are no threads the code of the refusal."""
        try:
            return [*await asyncio.gather(run.thread(tally, n), run.using(timeout=5).thread(tally, n + 1))]
        except Fatal as error:
            return [error.code]

    @job
    async def large(self, run: Run, size: int) -> str:
        return "x" * size


def tally(n: int) -> int:
    time.sleep(0.1)
    return sum(range(n))


async def stand(agent: Agent[Any, Any], gate: str | None) -> None:
    """Arrive at the gate, counted once a run of the step, and stay until it is open."""
    if gate is None:
        return
    await agent.agent(Gate, gate, idempotency_key=token_hex(8)).arrive()
    pause = 0.05
    while not await agent.agent(Gate, gate).is_open():
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, 0.3)


AGENTS: list[type[Agent[Any, Any]]] = [Worker]
