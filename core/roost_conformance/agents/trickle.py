"""Streaming actions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel

from roost import Agent, Rejected, action

from .gate import wait_at


class Drops(BaseModel):
    fallen: int = 0


class Trickle(Agent[Drops]):
    @action
    async def drip(self, count: int, gate: str | None = None, fail: bool = False) -> AsyncIterator[int]:
        """Counts up; waits at the gate after the first drop."""
        for n in range(1, count + 1):
            self.state.fallen += 1
            yield n
            if n == 1:
                await wait_at(self, gate)
        if fail:
            raise Rejected("the well is dry", code="dry", status=409)

    @action(readonly=True)
    async def peek(self, count: int) -> AsyncIterator[int]:
        for n in range(count):
            yield n


AGENTS: list[type[Agent[Any, Any]]] = [Trickle]
