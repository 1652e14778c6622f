"""Agents that stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel

from roost import Agent, Rejected, Retry, TransientError, action

from .gate import Gate, wait_at


class Spoken(BaseModel):
    words: int = 0
    ballast: str = ""


class Talker(Agent[Spoken]):
    @action
    async def count(self, upto: int, gate: str | None = None) -> AsyncIterator[int]:
        """0, 1, ...; after the first it waits at the gate."""
        for number in range(upto):
            self.state.words += 1
            yield number
            if number == 0:
                await wait_at(self, gate)

    @action
    async def nothing(self) -> AsyncIterator[int]:
        """What is left of a stream that failed: nothing."""
        for number in range(self.state.words):
            yield number

    @action
    async def falter(self, after: int) -> AsyncIterator[int]:
        for number in range(after):
            self.state.words += 1
            yield number
        raise Rejected("I have lost the thread", code="lost-thread", status=409)

    @action
    async def swell(self, size: int) -> AsyncIterator[str]:
        """All is said; then the state is too large to be stored."""
        yield "all"
        yield "said"
        self.state.ballast = "x" * size

    @action
    async def think(self, gate: str) -> str:
        """Not a generator: it emits on the way and answers in the end."""
        self.emit({"thought": 1})
        await wait_at(self, gate)
        self.emit({"thought": 2})
        self.state.words += 1
        return "decided"

    @action(retry=Retry(attempts=50, first=0.25, factor=1.0))
    async def recite(self, gate: str) -> AsyncIterator[str]:
        """Breaks off, attempt after attempt, until the gate is open."""
        yield "one"
        yield "two"
        if not await self.agent(Gate, gate).is_open():
            raise TransientError("not ready yet", retry_after=0)
        self.state.words += 2
        self.record("recited")


AGENTS: list[type[Agent[Any, Any]]] = [Talker]
