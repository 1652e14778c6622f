"""An agent with something of everything, to be destroyed, exported, imported and listed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, Every, Retry, action

from .gate import wait_at
from .ledger import Ledger


class Belongings(BaseModel):
    things: list[str] = []


class Mortal(Agent[Belongings]):
    @action
    async def take(self, thing: str) -> int:
        self.state.things.append(thing)
        self.kv.put(f"thing/{thing}", {"name": thing})
        self.record("take", thing)
        return len(self.state.things)

    @action
    async def list_kv(self) -> list[str]:
        return [key async for key, _ in self.kv.scan(dict[str, str])]

    @action
    async def hold(self, gate: str) -> None:
        await wait_at(self, gate)

    @action
    async def remind(self, seconds: float, ledger: str) -> None:
        self.schedule("reminder", seconds, self.report, ledger, "reminder")

    @action
    async def pulse(self, seconds: float, ledger: str) -> None:
        self.schedule("pulse", Every(seconds), self.report, ledger, "pulse")

    @action
    async def report(self, ledger: str, line: str) -> None:
        self.tell(self.agent(Ledger, ledger).write, line)

    @action
    async def report_often(self, ledger: str, count: int, gate: str | None = None) -> None:
        for n in range(count):
            self.tell(self.agent(Ledger, ledger).write, f"{n}")
        await wait_at(self, gate)

    @action(retry=Retry(attempts=1))
    async def die_trying(self) -> None:
        raise RuntimeError("no")

    @action
    async def clock(self) -> float:
        return self.now.timestamp()


AGENTS: list[type[Agent[Any, Any]]] = [Mortal]
