"""What the agents of jobs keep, and what their steps did."""

from __future__ import annotations

from pydantic import BaseModel

from roost import Agent, action

RAN: list[str] = []
"""Steps, as they ran: what no journal can make undone."""


class Notes(BaseModel):
    total: int = 0
    ended: list[str] = []


class Ledger(Agent[Notes]):
    @action
    async def add(self, n: int) -> int:
        RAN.append(f"add {n}")
        self.state.total += n
        return self.state.total
