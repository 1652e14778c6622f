"""Scans of an agent's values: whatever the tick itself wrote, at any page size, both ways; and what is no limit."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from roost import Agent, App, action
from roost.errors import AgentError
from roost.testing import world

pytestmark = pytest.mark.anyio
KEYS = ["", "a", "aa", "ab", "b", "ä", "z", "🐝", *(f"n{n:03}" for n in range(150))]


class Shelf(Agent):
    @action
    async def fill(self, values: dict[str, int], gone: list[str]) -> list[str]:
        """Of which scans what they said differs from what is there, this tick's own writes among it."""
        held = {key: value async for key, value in self.kv.scan(int)}
        for key, value in values.items():
            self.kv.put(key, value)
            held[key] = value
        for key in gone:
            self.kv.delete(key)
            held.pop(key, None)
        return [str(one) for one in _CASES if await self._scanned(*one) != _expected(held, *one)]

    async def _scanned(self, prefix: str, after: str, reverse: bool, limit: int | None) -> list[tuple[str, int]]:
        return [x async for x in self.kv.scan(int, prefix=prefix, after=after, reverse=reverse, limit=limit)]

    @action
    async def odd(self, limit: Any) -> None:
        async for _ in self.kv.scan(int, limit=limit):
            pass


_CASES = [
    (prefix, after, reverse, limit)
    for prefix in ("", "a", "n0", "x")
    for after in ("", "aa", "n040", "zz")
    for reverse in (False, True)
    for limit in (None, 0, 1, 5, 60, 1000)
]


def _expected(held: dict[str, int], prefix: str, after: str, reverse: bool, limit: int | None) -> list[tuple[str, int]]:
    edge = after.encode()
    found = sorted((k for k in held if k.startswith(prefix)), key=str.encode, reverse=reverse)
    if after:
        found = [k for k in found if (k.encode() < edge if reverse else k.encode() > edge)]
    return [(k, held[k]) for k in found][:limit]


@pytest.mark.parametrize("seed", range(3))
async def test_a_scan_shows_what_is_there(seed: int) -> None:
    random = Random(seed)
    async with world(App([Shelf]), seed=seed) as w:
        shelf = w.agent(Shelf, "a")
        for _ in range(6):
            names = random.sample(KEYS[1:], random.randint(0, 60))
            gone = random.sample(KEYS[1:], random.randint(0, 40))
            assert await shelf.fill({name: random.randint(0, 9) for name in names}, gone) == []


@pytest.mark.parametrize("limit", [-1, 1.5, "3", [], {}])
async def test_what_is_no_limit_is_refused_by_name(limit: Any) -> None:
    async with world(App([Shelf])) as w:
        with pytest.raises(AgentError, match=r"kv\.scan\(limit=.*a number of keys"):
            await w.agent(Shelf, "a").odd(limit)
