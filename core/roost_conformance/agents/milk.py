"""State that turns: valid when it is written, invalid from `sour` to `sweet`, as if another deploy read it."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, model_validator

from roost import Agent, action

from .ledger import Ledger

NEVER = 4e9
"""Epoch seconds, in 2096."""


class Bottle(BaseModel):
    litres: int = 1
    sour: float = 0.0
    """Epoch seconds from which this does not validate."""
    sweet: float = 0.0
    """Epoch seconds from which it does again: the mended deploy."""

    @model_validator(mode="after")
    def fresh(self) -> Bottle:
        if self.sour <= time.time() < self.sweet:
            raise ValueError("the milk is sour")
        return self


class Milk(Agent[Bottle]):
    @action
    async def fill(self, litres: int, sweet_after: float | None = None) -> list[float]:
        """Turns in half a second, and is good again so long after; [sour, sweet]."""
        self.kv.put("label", "organic")
        sour = time.time() + 0.5
        sweet = NEVER if sweet_after is None else sour + sweet_after
        self.state = Bottle(litres=litres, sour=sour, sweet=sweet)
        return [sour, sweet]

    @action
    async def pour(self, litres: int = 1) -> int:
        self.state.litres += litres
        return self.state.litres

    @action(readonly=True)
    async def look(self) -> int:
        return self.state.litres

    @action
    async def label(self) -> str | None:
        return await self.kv.get("label", str)

    @action
    async def remind(self, seconds: float, ledger: str) -> None:
        self.schedule("reminder", seconds, self.report, ledger)

    async def report(self, ledger: str) -> None:
        self.tell(self.agent(Ledger, ledger).write, "reminder")


class Wine(Agent[Bottle]):
    """The same state, two versions on: `migrate` mends the first, and gives up on what was called poison."""

    state_version = 3

    @classmethod
    def migrate(cls, state: Any, version: int, /) -> Any:
        if state.get("poison"):
            raise ValueError("poison stays poison")
        if version == 1:
            return {"litres": state["pints"] // 2}
        return state

    @action
    async def pour(self, litres: int = 1) -> int:
        self.state.litres += litres
        return self.state.litres


AGENTS: list[type[Agent[Any, Any]]] = [Milk, Wine]
