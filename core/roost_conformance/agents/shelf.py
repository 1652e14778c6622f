"""Key-value data: typed reads, writes that leave with the commit, scans in the order of bytes."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel

from roost import Agent, action


class Book(BaseModel):
    title: str
    printed: date


class Count(BaseModel):
    puts: int = 0


class Shelf(Agent[Count]):
    @action
    async def put(self, values: dict[str, Any], fail: bool = False) -> None:
        for key, value in values.items():
            self.kv.put(key, value)
            self.state.puts += 1
        if fail:
            raise RuntimeError("after the puts")

    @action
    async def get(self, key: str) -> Any:
        """The value, or "nothing"."""
        return await self.kv.get(key, object, "nothing")

    @action
    async def get_number(self, key: str) -> int | None:
        return await self.kv.get(key, int)

    @action
    async def delete(self, key: str) -> None:
        self.kv.delete(key)

    @action
    async def scan(self, prefix: str = "") -> list[str]:
        return [key async for key, _ in self.kv.scan(object, prefix=prefix)]

    @action
    async def last(self, prefix: str, limit: int | None, after: str = "", reverse: bool = True) -> list[str]:
        found = self.kv.scan(object, prefix=prefix, after=after, reverse=reverse, limit=limit)
        return [key async for key, _ in found]

    @action
    async def last_of_own(self) -> list[list[str]]:
        """Backwards and bounded, in the tick that writes: "k05" is new, "k20" is gone, "k99" is beyond all."""
        self.kv.put("k05", 1)
        self.kv.put("k99", 1)
        self.kv.delete("k20")
        ways = ((None, ""), (3, ""), (2, "k19"), (0, ""))
        return [
            [k async for k, _ in self.kv.scan(int, prefix="k", reverse=True, limit=limit, after=after)]
            for limit, after in ways
        ]

    @action
    async def put_book(self, key: str, book: Book) -> None:
        self.kv.put(key, book)

    @action
    async def get_book(self, key: str) -> list[Any]:
        """Its class and its year: what `get` gives is typed."""
        book = await self.kv.get(key, Book)
        return [] if book is None else [type(book).__name__, book.printed.year]

    @action
    async def own_writes(self) -> list[Any]:
        """Reads in the tick of the writes: of what is stored ("old", "gone"), of what is new."""
        self.kv.put("old", 2)
        self.kv.put("new", 3)
        self.kv.delete("gone")
        seen = [await self.kv.get("old", int), await self.kv.get("new", int), await self.kv.get("gone", int)]
        return [*seen, [[key, value] async for key, value in self.kv.scan(int)]]

    @action
    async def put_then_delete(self, key: str) -> None:
        self.kv.put(key, 1)
        self.kv.delete(key)

    @action
    async def put_unwritable(self) -> None:
        self.kv.put("fine", 1)
        self.kv.put("bad", object())


AGENTS: list[type[Agent[Any, Any]]] = [Shelf]
