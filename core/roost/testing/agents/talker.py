"""Agents that stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from ... import Agent, Rejected, Retry, TransientError, action


class Spoken(BaseModel):
    words: int = 0
    ballast: str = ""
    ready: datetime | None = None


class Talker(Agent[Spoken]):
    @action
    async def count(self, upto: int, pause: float = 0.0) -> AsyncIterator[int]:
        for number in range(upto):
            self.state.words += 1
            yield number
            await asyncio.sleep(pause)

    @action
    async def nothing(self) -> AsyncIterator[int]:
        for number in range(self.state.words, 0):
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
    async def think(self, pause: float) -> str:
        """Not a generator: it emits on the way and answers in the end."""
        self.emit({"thought": 1})
        await asyncio.sleep(pause)
        self.emit({"thought": 2})
        self.state.words += 1
        return "decided"

    @action
    async def prepare(self, seconds: float) -> None:
        self.state.ready = self.now + timedelta(seconds=seconds)

    @action(retry=Retry(attempts=50, first=0.25, factor=1.0))
    async def recite(self) -> AsyncIterator[str]:
        """Breaks off until the time that `prepare` set has come."""
        yield "one"
        yield "two"
        if self.state.ready is not None and self.now < self.state.ready:
            raise TransientError("not ready yet", retry_after=0)
        self.state.words += 2
        self.record("recited")


AGENTS: list[type[Agent[Any, Any]]] = [Talker]
