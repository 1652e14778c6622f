"""An agent whose jobs ask, wait for signals, and go on in rounds."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from pydantic import BaseModel, Field

from roost import Agent, JobDone, QuestionExpired, Rejected, Run, action, job

from .ledger import Ledger
from .worker import stand


class Approval(BaseModel):
    approved: bool
    limit: int = Field(default=0, le=100)


class Heard(BaseModel):
    total: int = 0
    ended: list[dict[str, Any]] = []


class Inquirer(Agent[Heard]):
    @action
    async def begin(self, name: str, args: list[Any], key: str | None = None) -> str:
        return self.start(key, getattr(self, name), *args).id

    @action
    async def tell_it(self, job: str, name: str, value: Any) -> bool:
        return self.signal(job, name, value)

    @action
    async def answer_it(self, job: str, question: str, value: Any) -> bool:
        return self.answer_question(job, question, value)

    @action
    async def add(self, n: int) -> int:
        self.state.total += n
        return self.state.total

    async def on_job(self, done: JobDone) -> None:
        error = None if done.error is None else done.error.code
        self.state.ended.append({"id": done.id, "value": done.value, "error": error})

    # Jobs ---------------------------------------------------------------------------------------------

    @job
    async def ask(self, run: Run, seconds: float | None = None, who: str | None = None) -> list[Any]:
        try:
            said = await run.question(Approval, "Spend 5?", who=who, timeout=seconds)
        except QuestionExpired:
            return ["expired"]
        return [said.value.approved, said.by, said.source]

    @job
    async def ask_and_act(self, run: Run, ledger: str, gate: str) -> list[Any]:
        said = await run.question(Approval, "Act?")
        await run.step(self.act, ledger, gate)
        return [said.value.limit, said.by]

    @job
    async def hear(self, run: Run, count: int, ledger: str | None = None) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            try:
                found.append(await run.wait("word", str))
            except Rejected as error:
                found.append(error.code)
            if ledger is not None:
                await run.step(self.act, ledger)
        return found

    @job
    async def rounds(self, run: Run, left: int, ids: list[str] | None = None) -> list[str]:
        """Each round adds 1 to the agent's total, and hears a word."""
        await run.tick(self.add, 1)
        told = [*(ids or []), f"{run.id} {await run.wait('word', str)}"]
        if left > 1:
            run.again(left - 1, told)
        return told

    @job
    async def fickle(self, run: Run, ledger: str, gate: str) -> str:
        """Its first run goes another way each time that it is replayed; the next one does not."""
        if run.id.endswith("/1"):
            await run.using(name=token_hex(4)).step(self.act, ledger)
            return await run.wait("word", str)
        await run.step(self.act, ledger)
        return f"anew {await run.wait('word', str)}"

    async def act(self, ledger: str, gate: str | None = None) -> None:
        await self.agent(Ledger, ledger, idempotency_key=token_hex(8)).write("acted")
        await stand(self, gate)


AGENTS = [Inquirer]
