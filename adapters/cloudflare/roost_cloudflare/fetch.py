"""The port `Fetch`: httpx over the platform's own fetch. It pools and resolves; nothing is kept here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx

from roost_http.fetch import stamped

from . import interop

_NOT_SENT = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding"})
"""Headers that the platform makes itself."""
_NOT_GIVEN = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that no longer hold: it has decoded the body."""


class Body(httpx.AsyncByteStream):
    """An answer's body, as it comes."""

    def __init__(self, answer: interop.Js, outbound: interop.Outbound) -> None:
        self._answer = answer
        self._outbound = outbound

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = interop.Chunks(self._answer)
        try:
            while (data := await chunks.next()) is not None:
                yield data
        except OSError as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        self._outbound.abort()


class Keyed(httpx.AsyncBaseTransport):
    """One tick's transport: each request carries its key, and none outlives the tick."""

    def __init__(self, key: Callable[[], str | None], deadline: float) -> None:
        self._key = key
        self._deadline = deadline

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        left = stamped(request, self._key(), self._deadline)
        given = request.extensions.get("timeout", {})
        own = [v for v in (given.get("read"), given.get("connect")) if v is not None and v < left]
        seconds = min(own, default=left)
        headers = [(k, v) for k, v in request.headers.multi_items() if k.lower() not in _NOT_SENT]
        body = await request.aread()
        outbound = interop.Outbound()
        timer = interop.Timeout(seconds, outbound.abort)
        try:
            answer = await outbound.send(request.method, str(request.url), headers, body)
        except OSError as error:
            if "abort" in str(error).lower():
                raise httpx.ReadTimeout(f"no answer within {seconds:.3g} s", request=request) from error
            raise httpx.ConnectError(str(error), request=request) from error
        except asyncio.CancelledError:
            outbound.abort()
            raise
        finally:
            timer.cancel()
        status, found, has_body = interop.answer_head(answer)
        headers = [(k, v) for k, v in found if k.lower() not in _NOT_GIVEN]
        return httpx.Response(status, headers=headers, stream=Body(answer, outbound) if has_body else None)


class PlatformFetch:
    """Fills the port `Fetch`."""

    def client(self, idempotency_key: Callable[[], str | None], deadline: float) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Keyed(idempotency_key, deadline))
