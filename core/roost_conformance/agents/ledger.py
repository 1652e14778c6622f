"""A ledger in which other agents write, by ask or tell, what they did: the witness of runs that left no trace."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, action


class Pages(BaseModel):
    lines: list[str] = []


class Ledger(Agent[Pages]):
    @action
    async def write(self, line: str) -> int:
        self.state.lines.append(line)
        return len(self.state.lines)

    @action(readonly=True)
    async def read(self) -> list[str]:
        return self.state.lines


async def write_down(agent: Agent[Any, Any], ledger: str | None, line: str = "run") -> int:
    """Write at once, whatever becomes of this tick. A re-run of the same trigger counts anew; how many there are."""
    if ledger is None:
        return 0
    run = f"{agent.random.getrandbits(64):016x}"
    return await agent.agent(Ledger, ledger, idempotency_key=run).write(line)


AGENTS: list[type[Agent[Any, Any]]] = [Ledger]
