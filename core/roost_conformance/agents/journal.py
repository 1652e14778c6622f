"""An agent with an event log."""

from __future__ import annotations

from typing import Any

from roost import Agent, Rejected, action


class Journal(Agent):
    @action
    async def note(self, kind: str, first: int, count: int = 1) -> None:
        """Entries first, first + 1, ... in one tick."""
        for number in range(first, first + count):
            self.record(kind, {"n": number})

    @action
    async def pour(self, count: int, size: int) -> None:
        """Entries of `size` characters."""
        for _ in range(count):
            self.record("poured", "x" * size)

    @action
    async def tear(self, count: int) -> None:
        """Entries that never were: the tick fails."""
        for number in range(count):
            self.record("torn", {"n": number})
        raise Rejected("the page is torn", code="torn")

    @action
    async def read(self, kind: str, after: int = 0) -> list[int]:
        kinds = (kind,) if kind else ()
        return [entry.seq for entry in await self.events(kinds=kinds, after=after, limit=1000)]

    @action
    async def bad_kind(self, kind: str) -> None:
        self.record(kind)


AGENTS: list[type[Agent[Any, Any]]] = [Journal]
