"""A gate that other agents wait at in the middle of a tick: the case decides when the tick goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from roost import Agent, action


class Passage(BaseModel):
    open: bool = False
    arrived: int = 0


class Gate(Agent[Passage]):
    @action
    async def arrive(self) -> int:
        self.state.arrived += 1
        return self.state.arrived

    @action
    async def open(self) -> None:
        self.state.open = True

    @action(readonly=True)
    async def is_open(self) -> bool:
        return self.state.open


async def wait_at(agent: Agent[Any, Any], gate: str | None) -> None:
    """Arrive at the gate, counted once a run, and stay in this tick until it is open."""
    if gate is None:
        return
    run = f"{agent.random.getrandbits(64):016x}"
    await agent.agent(Gate, gate, idempotency_key=run).arrive()
    pause = 0.02
    while not await agent.agent(Gate, gate).is_open():
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, 0.2)  # eight cases that ask all the time leave a slow host no time for anything else


AGENTS: list[type[Agent[Any, Any]]] = [Gate]
