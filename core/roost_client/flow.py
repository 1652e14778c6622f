"""A bounded queue with an end. Whoever fills it waits while it is full; nothing is dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Generic, Self, TypeVar

T = TypeVar("T")

SIZE: Final = 1_000
"""Items that wait for a slow reader before the source is paused."""


class Flow(Generic[T]):
    """An async iterator over what is `put`. Items are handed out once, in order, also after the end."""

    __slots__ = ("_ended", "_error", "_items", "_readable", "_size", "_writable", "count")

    def __init__(self, size: int = SIZE) -> None:
        self.count = 0
        """Items put so far."""
        self._items: deque[T] = deque()
        self._size = size
        self._ended = False
        self._error: Exception | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    @property
    def full(self) -> bool:
        """Would `put` wait?"""
        return len(self._items) >= self._size and not self._ended

    async def put(self, item: T) -> None:
        """Add `item`, after waiting for room. After the end it is nobody's any more."""
        while self.full:
            self._writable.clear()
            await self._writable.wait()
        if not self._ended:
            self._items.append(item)
            self.count += 1
            self._readable.set()

    def end(self, error: Exception | None = None) -> None:
        """No more items: readers get what is left, then `error`, or the end."""
        if not self._ended:
            self._ended, self._error = True, error
            self._readable.set()
            self._writable.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._readable.clear()
            await self._readable.wait()
        self._writable.set()
        return self._items.popleft()
