"""What a connection has yet to send, and what it has sent and awaits an answer to.

When the socket is lost, a transmitted exchange that carries an idempotency key goes back to the front and is
sent again on the next one; without a key it may have run, so it fails with `connection-lost`. What was never
transmitted stays in the queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, Literal
from uuid import uuid4

from roost.contract.errors import LimitExceeded, RoostError

from .flow import Flow
from .frames import Outgoing

SIZE: Final = 1_000
"""Frames that wait for a socket; one more is refused."""


Kind = Literal["call", "state", "message"]


class Exchange:
    """One frame and the answer to it: a call's result, a state's acknowledgement, that a message was sent."""

    __slots__ = ("chunks", "frame", "id", "kind", "repeatable", "reply", "seq", "value")

    def __init__(
        self,
        kind: Kind,
        frame: Outgoing,
        *,
        id: str | None = None,
        repeatable: bool = False,
        chunks: Flow[Any] | None = None,
        value: Any = None,
    ) -> None:
        self.id = id or uuid4().hex
        self.kind: Kind = kind
        self.frame = frame
        self.repeatable = repeatable
        self.chunks = chunks
        self.value = value
        self.seq: int | None = None
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def settle(self, value: Any) -> None:
        """The answer is `value`."""
        if not self.reply.done():
            self.reply.set_result(value)
        if self.chunks is not None:
            self.chunks.end()

    def fail(self, error: RoostError) -> None:
        """There is no answer but `error`."""
        if self.chunks is not None:
            self.chunks.end(error)
            self.reply.cancel()
        elif not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()  # seen, even if its caller was cancelled meanwhile


class Outbox:
    """The exchanges of one connection, in the order they were made."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._queue: deque[Exchange] = deque()
        self._flying: dict[str, Exchange] = {}
        self._filled = asyncio.Event()

    def add(self, exchange: Exchange) -> None:
        """Queue `exchange`; LimitExceeded when too many wait already."""
        if len(self._queue) >= self._size:
            raise LimitExceeded(
                f"{self._size} frames wait to be sent on this connection; wait for some of them first",
                limit="unsent",
            )
        self._queue.append(exchange)
        self._filled.set()

    async def filled(self) -> None:
        """Wait until there is something to send."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()

    def take(self, seq: int) -> Exchange:
        """The next exchange, from now on in flight as frame number `seq`."""
        exchange = self._queue.popleft()
        exchange.seq = seq
        self._flying[exchange.id] = exchange
        return exchange

    def done(self, exchange: Exchange) -> None:
        """Nobody waits for `exchange` any more: if not yet sent it never is; its answer is ignored."""
        if self._flying.pop(exchange.id, None) is None and exchange in self._queue:
            self._queue.remove(exchange)

    def find(self, id: str) -> Exchange | None:
        """The exchange in flight whose call has this id."""
        return self._flying.get(id)

    def state(self, seq: int | None) -> Exchange | None:
        """The state frame in flight with this number; the oldest for None."""
        for exchange in self._flying.values():
            if exchange.kind == "state" and seq in (None, exchange.seq):
                return exchange
        return None

    def lost(self, error: RoostError) -> None:
        """The socket is gone: put back what may be repeated, fail what may not."""
        flying = list(self._flying.values())
        self._flying.clear()
        again = [exchange for exchange in flying if exchange.repeatable]
        self._queue.extendleft(reversed(again))
        if again:
            self._filled.set()
        for exchange in flying:
            if not exchange.repeatable:
                exchange.fail(error)

    def fail(self, error: RoostError, *, flying_only: bool = False) -> None:
        """Fail everything, or everything in flight."""
        failed = list(self._flying.values())
        self._flying.clear()
        if not flying_only:
            failed += self._queue
            self._queue.clear()
        for exchange in failed:
            exchange.fail(error)
