"""Live readers of one agent's event log and chunks: each with its own bounded queue (rule 17)."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, NamedTuple

from ..contract.commit import Entry
from ..ports import Future, Host

QUEUE: Final = 1000
BYTES: Final = 1 << 20
"""Of what one reader may lag behind."""


class Item(NamedTuple):
    """`event`: a committed entry. `chunk`: live, ungated. `stream-reset`: what was streamed is void."""

    type: Literal["event", "chunk", "stream-reset"]
    seq: int
    kind: str
    id: str
    data: bytes
    at: float


class Subscriber:
    """One reader. When it lags by more than `QUEUE` items or `BYTES` it is cut off and reads on from the log."""

    __slots__ = ("_host", "_items", "_size", "_waiter", "kinds", "lagged")

    def __init__(self, host: Host, kinds: frozenset[str]) -> None:
        self._host = host
        self._items: deque[Item] = deque()
        self._size = 0
        self._waiter: Future[None] | None = None
        self.kinds = kinds
        self.lagged = False

    def push(self, item: Item) -> None:
        if self.kinds and item.type == "event" and item.kind not in self.kinds:
            return
        if len(self._items) >= QUEUE or (self._items and self._size + len(item.data) > BYTES):
            self.lagged = True
        else:
            self._items.append(item)
            self._size += len(item.data)
        self.wake()

    def wake(self) -> None:
        """Let `next` return."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Return once there is something to take."""
        if not self._items and not self.lagged:
            self._waiter = self._host.future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def take(self) -> list[Item]:
        """All that waits."""
        out = list(self._items)
        self._items.clear()
        self._size = 0
        return out


def entry_item(entry: Entry) -> Item:
    """A committed entry as subscribers get it."""
    return Item("event", entry.seq, entry.kind, str(entry.seq), entry.data, entry.at)
