"""Server-sent events on the way out, and a feed that one writer waits for.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. Data is compact JSON, which holds no
line break, so one `data:` line is enough.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from roost.contract.result import TickResult
from roost.ports import Future, Host

from .answer import EVENTS, NO_SNIFF, NO_STORE
from .asgi import Header

HEARTBEAT: Final = 15.0
"""Seconds without an event after which a comment is sent, so that proxies don't take the stream for dead."""
COMMENT: Final = b":\n\n"
HEADERS: Final[tuple[Header, ...]] = (EVENTS, NO_STORE, NO_SNIFF, (b"x-accel-buffering", b"no"))


def event(kind: str | bytes, data: bytes, id: bytes | None = None) -> bytes:
    """One event; `kind` and `id` hold no line break."""
    name = kind if isinstance(kind, bytes) else kind.encode()
    head = b"" if id is None else b"id: %b\n" % id
    return b"event: %b\n%bdata: %b\n\n" % (name, head, data)


async def within(host: Host, seconds: float, waiting: Awaitable[None]) -> bool:
    """Wait for `waiting`, `seconds` at most; whether it came."""
    timeout = host.timeout(seconds)
    try:
        async with timeout:
            await waiting
    except TimeoutError:
        if timeout.expired():
            return False
        raise
    return True


BACKLOG: Final = 4 << 20
"""Bytes a reader may lag behind its stream."""


class Feed:
    """Chunks of a running call, until its result. A reader who lags too far is cut off; the tick goes on."""

    __slots__ = ("_host", "_size", "_waiter", "lagged", "parts", "result")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._waiter: Future[None] | None = None
        self._size = 0
        self.lagged = False
        self.parts: list[bytes] = []
        self.result: TickResult | None = None

    def chunk(self, id: bytes, raw: bytes) -> None:
        if self.lagged:
            return
        part = event(b"chunk", raw, id)
        self._size += len(part)
        self.lagged = self._size > BACKLOG
        self.parts.append(part)
        self._wake()

    def done(self, result: TickResult) -> None:
        self.result = result
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> bool:
        """Return when there is something, or after `seconds`; whether there is."""
        if self.result is not None or self.parts:
            return True
        self._waiter = self._host.future()
        try:
            return await within(self._host, seconds, self._waiter)
        finally:
            self._waiter = None

    def take(self) -> bytes:
        """The chunks that wait, encoded."""
        out = b"".join(self.parts)
        self.parts.clear()
        self._size = 0
        return out
