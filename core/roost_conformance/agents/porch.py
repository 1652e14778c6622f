"""An agent that takes its time to let a connection in, and keeps what its connections did meanwhile."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, Connection, Rejected, action

from .gate import wait_at


class Steps(BaseModel):
    done: list[str] = []


class Porch(Agent[Steps]):
    client_writes = True

    async def on_connect(self, connection: Connection, /) -> None:
        await wait_at(self, connection.query.get("gate"))
        if connection.query.get("do") == "refuse":
            raise Rejected("nobody comes in today", code="shut", status=409)
        self.state.done.append(f"connect {connection.label}")

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        self.state.done.append(f"message {message!r}")

    async def on_disconnect(self, connection: Connection, /) -> None:
        self.state.done.append(f"disconnect {connection.label}")

    @action
    async def step(self, name: str) -> int:
        self.state.done.append(name)
        return len(self.state.done)

    @action(readonly=True)
    async def done(self) -> list[str]:
        return self.state.done


AGENTS: list[type[Agent[Any, Any]]] = [Porch]
