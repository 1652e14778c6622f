"""The case's side of a `gate` agent: waits until a tick stands at it, then lets the tick go on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from roost_client import Client

from ..stage import Stage
from .committed import committed


class Barrier:
    """`key` is what the agent under test is given."""

    def __init__(self, stage: Stage, client: Client, key: str | None = None) -> None:
        self._stage = stage
        self.key = key or stage.key("-gate")
        self._gate = client.agent("gate", self.key)

    async def arrived(self, count: int = 1, within: float | None = None) -> None:
        """That many runs have come to the gate. `within`: seconds."""

        async def probe() -> bool:
            state = await committed(self._gate)
            return state is not None and state["arrived"] >= count

        await self._stage.until(probe, within=within)

    async def open(self) -> None:
        await self._gate.call("open")


@asynccontextmanager
async def barrier(stage: Stage) -> AsyncGenerator[Barrier]:
    """A barrier that is open at the end in any case, so that no tick is left standing at it."""
    async with stage.client() as client:
        one = Barrier(stage, client)
        try:
            yield one
        finally:
            await one.open()
