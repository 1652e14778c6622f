"""on_start: once in an agent's life, before everything else; it may fail."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, Rejected, action

from .ledger import write_down


class Birth(BaseModel):
    starts: int = 0
    calls: int = 0


class Starter(Agent[Birth]):
    async def on_start(self) -> None:
        self.state.starts += 1
        self.record("start", self.key)
        self.kv.put("born", True)

    @action
    async def call(self) -> list[int]:
        assert await self.kv.get("born", bool), "the first tick ran before on_start"
        self.state.calls += 1
        self.record("call")
        return [self.state.starts, self.state.calls]

    @action
    async def fail(self) -> None:
        raise Rejected("no", code="no")


class Stiff(Agent[Birth]):
    """Its first two starts fail. Its key is the key of the ledger that counts them."""

    async def on_start(self) -> None:
        self.state.starts += 1
        self.record("start")
        if await write_down(self, self.key) <= 2:
            raise RuntimeError("the password is hunter2")

    @action
    async def call(self) -> list[int]:
        self.state.calls += 1
        return [self.state.starts, self.state.calls]


AGENTS: list[type[Agent[Any, Any]]] = [Starter, Stiff]
