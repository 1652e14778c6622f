"""Each way a run can end, with a witness of how often it ran."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, Rejected, TransientError, action
from roost.contract.limits import PORTABLE

from .gate import wait_at
from .ledger import write_down


class Sum(BaseModel):
    total: int = 0


class Once(Agent[Sum]):
    @action
    async def add(self, by: int = 1, ledger: str | None = None, gate: str | None = None) -> int:
        await write_down(self, ledger)
        self.state.total += by
        await wait_at(self, gate)
        return self.state.total

    @action
    async def subtract(self, by: int = 1, ledger: str | None = None, gate: str | None = None) -> int:
        return await self.add(-by, ledger, gate)

    @action
    async def refuse(self, ledger: str) -> None:
        await write_down(self, ledger)
        self.state.total = -1
        raise Rejected("no seat is left", code="no-seat", status=409, data={"seats": [1, 2]})

    @action
    async def fail(self, ledger: str) -> None:
        await write_down(self, ledger)
        self.state.total = -1
        raise RuntimeError("the password is hunter2")

    @action
    async def swell(self, ledger: str) -> str:
        """A result one byte too long."""
        await write_down(self, ledger)
        self.state.total = -1
        return "x" * (PORTABLE.result - 1)

    @action
    async def stumble(self, ledger: str, times: int) -> int:
        """TransientError in the first `times` runs, then which run this is."""
        run = await write_down(self, ledger)
        self.state.total += 1
        if run <= times:
            raise TransientError("not yet", retry_after=3)
        return run

    @action
    async def forward(self, to: str, by: int = 1) -> int:
        """Ask another to add; the ask is named after this trigger."""
        return await self.agent(Once, to).add(by)

    @action
    async def forward_by(self, via: str, key: str, other: str) -> int:
        """Have another agent forward, under a key of the author's."""
        return await self.agent(Once, via, idempotency_key=key).forward(other)


AGENTS: list[type[Agent[Any, Any]]] = [Once]
