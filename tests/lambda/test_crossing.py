"""Two ticks on two hosts that ask each other: one ask is refused at once, the other goes through."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from roost import Agent, TransientError, action
from roost.contract.address import Address
from roost_lambda.client import Client

from .hosts import Fleet, Tally, increment

pytestmark = pytest.mark.anyio


class Pair(Agent[Tally]):
    here: ClassVar[list[str]] = []
    both: ClassVar[asyncio.Event]

    @action
    async def add(self) -> int:
        self.state.count += 1
        return self.state.count

    @action
    async def meet(self, other: str) -> str:
        self.here.append(self.key)
        if len(self.here) == 2:
            self.both.set()
        await self.both.wait()
        try:
            await self.agent(Pair, other).add()
        except TransientError as error:
            return error.code
        return "answered"


async def test_asks_that_cross(dynamo: tuple[str, Client]) -> None:
    fleet = Fleet(*dynamo, [Pair])
    fleet.start()
    Pair.here.clear()
    Pair.both = asyncio.Event()
    a, b = Address("pair", "a"), Address("pair", "b")
    async with asyncio.timeout(15):
        results = await asyncio.gather(
            fleet.host().dispatch(a, increment(None, "meet", "b")),
            fleet.host().dispatch(b, increment(None, "meet", "a")),
        )
    assert [r.get() for r in results] == ["answered", "ask-crossed"]
    await fleet.stop()
