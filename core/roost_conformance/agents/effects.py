"""Every kind of effect in one tick, which then ends as the case wants."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from roost import Agent, Rejected, TransientError, action

from .gate import wait_at
from .ledger import Ledger, write_down


class Traces(BaseModel):
    marks: int = 0


class Effects(Agent[Traces]):
    def _all(self, ledger: str) -> None:
        self.state.marks += 1
        self.kv.put("mark", True)
        self.record("mark", {"n": self.state.marks})
        self.schedule("mark", 3600, self.ring)
        self.tell(self.agent(Ledger, ledger).write, "told")
        self.broadcast({"mark": self.state.marks})

    @action
    async def succeed(self, ledger: str, gate: str | None = None) -> int:
        self._all(ledger)
        await wait_at(self, gate)
        return self.state.marks

    @action
    async def fail(self, ledger: str, how: str) -> None:
        """All effects, then an end that is none: nothing of it may be seen."""
        self._all(ledger)
        await write_down(self, ledger, "ran")
        if how == "rejected":
            raise Rejected("no")
        if how == "transient":
            raise TransientError("later")
        if how == "state":
            self.state.marks = "many"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
            return
        raise RuntimeError("oh")

    @action(timeout=0.3)
    async def overrun(self, ledger: str) -> None:
        self._all(ledger)
        await asyncio.sleep(60)

    @action
    async def marked(self) -> bool:
        return await self.kv.get("mark", bool, False)

    async def ring(self) -> None: ...

    @action
    async def own_timeout(self) -> None:
        """The author's own TimeoutError is a failure like any other, not the deadline of the tick."""
        raise TimeoutError("mine")


AGENTS: list[type[Agent[Any, Any]]] = [Effects]
