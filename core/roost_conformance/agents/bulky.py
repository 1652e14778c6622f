"""As much of everything as the case asks for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, action


class Bulk(BaseModel):
    text: str = ""


class Bulky(Agent[Bulk]):
    """Its state may grow to the limit of a state: clients are shown its length."""

    def view(self) -> Any:
        return {"length": len(self.state.text)}

    @action
    async def swell(self, size: int) -> int:
        self.state.text = "x" * size
        return len(self.state.text)

    @action
    async def length(self) -> int:
        return len(self.state.text)

    @action
    async def operations(self, puts: int = 0, tells: int = 0, events: int = 0, schedules: int = 0) -> None:
        for n in range(puts):
            self.kv.put(f"k{n:05}", n)
        for n in range(tells):
            self.tell(self.agent(Bulky, f"{self.key}-{n}").length)
        for n in range(events):
            self.record("bulk", n)
        for n in range(schedules):
            self.schedule(f"s{n:05}", 86_400, self.length)

    @action
    async def put(self, key: str, size: int, values: int = 1) -> None:
        """Values of exactly `size` bytes of JSON."""
        for n in range(values):
            self.kv.put(key if values == 1 else f"{key}{n}", "x" * (size - 2))

    @action
    async def put_wide(self, size: int) -> None:
        """`size` characters of four bytes each."""
        self.kv.put("wide", "\U0001f642" * size)

    @action
    async def keys(self) -> list[int]:
        """How many bytes each key has."""
        return [len(key.encode()) async for key, _ in self.kv.scan(object)]

    @action
    async def result(self, size: int) -> str:
        """A result of exactly `size` bytes of JSON; it counts as a write."""
        self.state.text += "r"
        return "x" * (size - 2)

    @action
    async def take(self, text: str) -> int:
        return len(text)

    @action
    async def tell_much(self, size: int) -> None:
        self.state.text += "t"
        self.tell(self.agent(Bulky, f"{self.key}-other").take, "x" * size)

    @action
    async def ask_much(self, size: int) -> int:
        return await self.agent(Bulky, f"{self.key}-other").take("x" * size)

    @action
    async def name(self, key: str) -> None:
        """Reach an agent of that key."""
        self.tell(self.agent(Bulky, key).length)


class Plain(Agent[Bulk]):
    """Its whole state is its view, so it may grow to the limit of a view only."""

    @action
    async def swell(self, size: int) -> int:
        self.state.text = "x" * size
        return len(self.state.text)


AGENTS: list[type[Agent[Any, Any]]] = [Bulky, Plain]
