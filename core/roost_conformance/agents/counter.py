"""The plainest agent: a number."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, action


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count


AGENTS: list[type[Agent[Any, Any]]] = [Counter]
