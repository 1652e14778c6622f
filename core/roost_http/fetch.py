"""Outbound HTTP of agents: one pool a process; each request carries its Idempotency-Key (rule 5)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, cast

import httpx

from roost.contract.egress import Egress
from roost.contract.errors import TransientError
from roost.fetch import Outbound

SLACK: Final = 1.0
"""Seconds a request outlives its tick's deadline by its own clock, so that the tick's end comes first and is named."""
HEADER: Final = "idempotency-key"

Send = Callable[[httpx.Request, float], Awaitable[httpx.Response]]
"""Takes a request and the most seconds it may take."""


class Answer(httpx.AsyncByteStream):
    """A body that comes once. Who iterates it again goes on where the last reader stopped: at its end there is nothing
    more. StreamClosed: it was closed before its end."""

    def __init__(self, stream: httpx.AsyncByteStream, failed: Callable[[], None]) -> None:
        self._stream = stream
        self._failed = failed
        self._chunks: AsyncIterator[bytes] | None = None
        self._ended = self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._ended:
            return
        if self._closed:
            raise httpx.StreamClosed
        if self._chunks is None:
            self._chunks = aiter(self._stream)
        try:
            async for chunk in self._chunks:
                yield chunk
        except GeneratorExit:  # the reader has enough
            raise
        except BaseException:
            self._failed()
            raise
        self._ended = True

    async def aclose(self) -> None:
        self._closed = True
        await self._stream.aclose()
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            with suppress(RuntimeError):  # it is being read: the stream tells its reader
                await close()


class Keyed(httpx.AsyncBaseTransport):
    """One tick's transport over any other: each request carries its key, and none outlives the tick."""

    def __init__(self, send: Send, outbound: Outbound, deadline: float | None, egress: Egress | None = None) -> None:
        self._send = send
        self._egress = egress
        self._outbound = outbound
        self._deadline = deadline

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._outbound.check()
        if self._egress is not None:  # each request of a chain of redirects comes here
            url = request.url
            self._egress.check(url.host, url.port or (443 if url.scheme == "https" else 80))
        left = self._left()
        key = request.headers.get(HEADER)  # the author's own, or ours on its way through a redirect
        if key is None:
            key = self._outbound.key(request.method, str(request.url), _body(request))
            if key is not None:
                request.headers[HEADER] = key

        def ended(status: int | None = None) -> None:
            if key is not None:
                self._outbound.ended(key, status)

        try:
            answer = await self._send(request, left)
        except BaseException:
            ended()
            raise
        ended(answer.status_code)
        answer.stream = Answer(cast("httpx.AsyncByteStream", answer.stream), ended)
        return answer

    def _left(self) -> float:
        """The most seconds a request may take. TransientError: the tick's `deadline` (monotonic) is over."""
        if self._deadline is None:
            return float("inf")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TransientError("the tick's time is over; no request was sent", code="deadline")
        return left + SLACK


def client(send: Send, outbound: Outbound, deadline: float | None, egress: Egress | None = None) -> httpx.AsyncClient:
    """What `self.http` gives, over any way to send. `deadline`: monotonic; None: only the tick itself ends. `egress`:
    where requests may go; None: anywhere."""
    return httpx.AsyncClient(transport=Keyed(send, outbound, deadline, egress))


class HttpFetch:
    """Fills the port `Fetch`. The connections are shared: a tick's client closing does not close them."""

    def __init__(self, egress: Egress | None = None) -> None:
        self._egress = None if egress is None or egress.open else egress
        self._open: httpx.AsyncHTTPTransport | None = None
        self._guarded: httpx.AsyncHTTPTransport | None = None
        """Its connections are judged; not with the others, which any request would be given."""

    def client(self, outbound: Outbound, deadline: float) -> httpx.AsyncClient:
        if self._egress is None or not outbound.judged:
            if self._open is None:
                self._open = httpx.AsyncHTTPTransport(retries=1)
            return client(partial(_sent, self._open), outbound, deadline)
        if self._guarded is None:
            from .guard import guard  # a platform without sockets has not all that it takes

            self._guarded = httpx.AsyncHTTPTransport(retries=1)
            guard(self._guarded, self._egress)
        return client(partial(_sent, self._guarded), outbound, deadline, self._egress)

    async def close(self) -> None:
        for pool in (self._open, self._guarded):
            if pool is not None:
                await pool.aclose()


async def _sent(pool: httpx.AsyncHTTPTransport, request: httpx.Request, left: float) -> httpx.Response:
    limits = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {
        name: left if limits.get(name) is None else min(left, limits[name])
        for name in ("connect", "read", "write", "pool")
    }
    return await pool.handle_async_request(request)


def _body(request: httpx.Request) -> bytes | None:
    """None: it is made while it is sent."""
    try:
        return request.content
    except httpx.RequestNotRead:
        return None
