"""Outbound HTTP of agents: one pool a process; each request carries its Idempotency-Key (semantics 5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import httpx

from roost.contract.errors import TransientError

SLACK: Final = 1.0
"""Seconds a request outlives its tick's deadline by its own clock, so that the tick's end comes first and is named."""


def stamped(request: httpx.Request, key: str | None, deadline: float) -> float:
    """Give a request its key; the most seconds it may take. TransientError: the tick's monotonic `deadline` is over."""
    if key is not None:
        request.headers.setdefault("idempotency-key", key)
    left = deadline - time.monotonic()
    if left <= 0:
        raise TransientError("the tick's time is over; no request was sent", code="deadline")
    return left + SLACK


class Pool(httpx.AsyncBaseTransport):
    """The shared connections. A tick's client closing does not close them."""

    def __init__(self) -> None:
        self._inner: httpx.AsyncHTTPTransport | None = None

    def opened(self) -> httpx.AsyncHTTPTransport:
        if self._inner is None:
            self._inner = httpx.AsyncHTTPTransport(retries=1)
        return self._inner

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.aclose()


class Keyed(httpx.AsyncBaseTransport):
    """One tick's view of the pool."""

    def __init__(self, pool: Pool, key: Callable[[], str | None], deadline: float) -> None:
        self._pool = pool
        self._key = key
        self._deadline = deadline

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        left = stamped(request, self._key(), self._deadline)
        limits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            name: left if limits.get(name) is None else min(left, limits[name])
            for name in ("connect", "read", "write", "pool")
        }
        return await self._pool.opened().handle_async_request(request)


class HttpFetch:
    """Fills the port `Fetch`."""

    def __init__(self) -> None:
        self._pool = Pool()

    def client(self, idempotency_key: Callable[[], str | None], deadline: float) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Keyed(self._pool, idempotency_key, deadline))

    async def close(self) -> None:
        await self._pool.close()
