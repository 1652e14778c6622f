"""What an agent is given besides its state: config and resources."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel, SecretStr

from roost import Agent, action, resource


class Settings(BaseModel):
    greeting: str = "hello"
    password: SecretStr = SecretStr("hunter2")


class Notes(BaseModel):
    at_start: str = ""


class Lamp:
    """A shared client."""

    def __init__(self) -> None:
        self.lit = False


@resource
async def lamp() -> AsyncIterator[Lamp]:
    lamp = Lamp()
    lamp.lit = True
    yield lamp
    lamp.lit = False


@resource
async def broken() -> AsyncIterator[Lamp]:
    raise RuntimeError("the password is hunter2")
    yield Lamp()


class Furnished(Agent[Notes, Settings]):
    lamp = lamp

    async def on_start(self) -> None:
        self.state.at_start = f"{self.config.greeting} {self.lamp.lit}"

    @action
    async def tour(self) -> list[Any]:
        return [self.state.at_start, self.config.greeting, str(self.config.password), self.lamp.lit]

    @action(readonly=True)
    async def glance(self) -> bool:
        return self.lamp.lit


class Unfurnished(Agent):
    lamp = broken

    @action
    async def tour(self) -> bool:
        return self.lamp.lit

    @action(readonly=True)
    async def glance(self) -> bool:
        return self.lamp.lit


AGENTS: list[type[Agent[Any, Any]]] = [Furnished, Unfurnished]
