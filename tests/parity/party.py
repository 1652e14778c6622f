"""Programs that are played side by side on one backend: its host dies under all of them at once."""

from __future__ import annotations

import asyncio

from roost_conformance.harness import Harness


class Party:
    """Kills the host when every program that is still played has come to the same crash."""

    def __init__(self, harness: Harness, players: int) -> None:
        self.harness = harness
        self._players = players
        self._waiting: list[asyncio.Future[None]] = []
        self._killing: asyncio.Task[None] | None = None

    async def crash(self) -> None:
        """The host has died, and is back."""
        back: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(back)
        self._look()
        await back

    def leave(self) -> None:
        """One is played no more."""
        self._players -= 1
        self._look()

    def _look(self) -> None:
        if self._waiting and len(self._waiting) >= self._players:
            self._killing = asyncio.create_task(self._kill(self._waiting))
            self._waiting = []

    async def _kill(self, waiting: list[asyncio.Future[None]]) -> None:
        failed: Exception | None = None
        try:
            await self.harness.crash()
        except Exception as error:  # each of them is told
            failed = error
        for one in waiting:
            if one.done():
                continue
            if failed is None:
                one.set_result(None)
            else:
                one.set_exception(failed)
