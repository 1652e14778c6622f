"""The app that is measured: a number, as every peer's first example has it."""

import time
from datetime import UTC, datetime

from pydantic import BaseModel

from roost import Agent, App, action

late: list[float] = []
"""Milliseconds after its due time at which each `ring` began. Of this process; not the agents'."""


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def say(self, text: str) -> None:
        self.broadcast({"said": text})

    @action
    async def ask(self) -> int:
        return await self.agent(Counter, f"of-{self.key}").increment()

    @action
    async def arm(self, at: float) -> None:
        """Schedule `ring` for `at`, milliseconds since the epoch."""
        self.schedule(f"ring {at}", datetime.fromtimestamp(at / 1000, UTC), self.ring, at)

    @action
    async def fill(self, at: float, first: int, count: int) -> None:
        """Many on this one agent, all for `at`."""
        for n in range(first, first + count):
            self.schedule(f"ring {n}", datetime.fromtimestamp(at / 1000, UTC), self.ring, at)

    async def ring(self, at: float) -> None:
        late.append(round(time.time() * 1000 - at, 1))
        self.state.count += 1

    @action(readonly=True)
    async def late(self) -> list[float]:
        return late


app = App([Counter])
