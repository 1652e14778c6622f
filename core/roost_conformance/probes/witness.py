"""The case's side of a `ledger` agent: what other agents wrote down."""

from __future__ import annotations

import asyncio

from roost_client import Client

from ..stage import Stage
from .committed import committed


class Witness:
    """`key` is what the agent under test is given."""

    def __init__(self, stage: Stage, client: Client, key: str | None = None) -> None:
        self._stage = stage
        self.key = key or stage.key("-ledger")
        self._ledger = client.agent("ledger", self.key)

    async def lines(self) -> list[str]:
        """All that was written, oldest first."""
        state = await committed(self._ledger)
        return [] if state is None else list(state["lines"])

    async def count(self, line: str) -> int:
        return (await self.lines()).count(line)

    async def until(self, count: int) -> list[str]:
        """The lines, once there are that many."""

        async def probe() -> list[str]:
            lines = await self.lines()
            return lines if len(lines) >= count else []

        found: list[str] = await self._stage.until(probe)
        return found

    async def stays(self, lines: list[str], seconds: float = 0.3) -> None:
        """Nothing but `lines` is written, now and for a while: long enough for what must not come."""
        await asyncio.sleep(seconds)
        found = await self.lines()
        assert found == lines, f"written down: {found}, not {lines}"

    async def calm(self, seconds: float = 2.0) -> list[str]:
        """The lines, once none has come for a while: what had left may be on its way still."""
        lines = await self.lines()
        while True:
            await asyncio.sleep(seconds)
            if (now := await self.lines()) == lines:
                return lines
            lines = now
