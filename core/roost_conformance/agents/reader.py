"""Readonly actions beside ticks, and each write they may not do."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, action

from .gate import wait_at


class Page(BaseModel):
    text: str = "blank"


class Reader(Agent[Page]):
    @action
    async def write(self, text: str, gate: str | None = None) -> None:
        self.state.text = text
        self.kv.put("text", text)
        await wait_at(self, gate)

    @action(readonly=True)
    async def read(self) -> list[str | None]:
        """State and KV as last committed."""
        return [self.state.text, await self.kv.get("text", str)]

    @action(readonly=True)
    async def read_slowly(self, gate: str) -> str:
        await wait_at(self, gate)
        return self.state.text

    @action(readonly=True)
    async def cheat(self, how: str) -> str:
        """A write in a readonly action."""
        if how == "state":
            self.state.text = "cheated"
        elif how == "kv":
            self.kv.put("text", "cheated")
        elif how == "delete":
            self.kv.delete("text")
        elif how == "record":
            self.record("cheat")
        elif how == "tell":
            self.tell(self.write, "cheated")
        elif how == "schedule":
            self.schedule("cheat", 0.01, self.write, "cheated")
        elif how == "unschedule":
            self.unschedule("cheat")
        elif how == "broadcast":
            self.broadcast("cheated")
        return "done"


AGENTS: list[type[Agent[Any, Any]]] = [Reader]
