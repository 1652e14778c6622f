"""Agents whose state clients see: all of it, part of it, and one that they may write."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from roost import Agent, action


class Note(BaseModel):
    text: str = ""
    size: Annotated[int, Field(ge=0)] = 1


class Board(Agent[Note]):
    """Clients may replace its state."""

    client_writes = True

    @action
    async def write(self, text: str) -> None:
        self.state.text = text


class Purse(BaseModel):
    coins: int = 3
    pin: str = "0000"


class Masked(Agent[Purse]):
    """Clients see the coins, never the pin, and write neither."""

    def view(self) -> dict[str, int]:
        return {"coins": self.state.coins}

    @action
    async def spend(self, coins: int) -> int:
        self.state.coins -= coins
        return self.state.coins

    @action
    async def change_pin(self, pin: str) -> None:
        self.state.pin = pin

    @action(readonly=True)
    async def pin(self) -> str:
        return self.state.pin


class Born(BaseModel):
    name: str = "nobody"


class Named(Agent[Born]):
    """Has its name from `on_start`, before any client can see it."""

    async def on_start(self) -> None:
        self.state.name = f"I am {self.key}"


AGENTS: list[type[Agent[Any, Any]]] = [Board, Masked, Named]
