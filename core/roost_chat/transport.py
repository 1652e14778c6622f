"""Requests of SDKs that are built on httpx2, sent through the port `Fetch` (docs/decisions/013).

So a model's requests have what all requests of a step have: an Idempotency-Key that stays after a crash, a deadline,
where they may go, and a platform's own way out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import httpx
import httpx2

from roost import RoostError, Run

KEY: Final = "idempotency-key"
_SDKS_OWN: Final = "stainless-python-retry-"
"""How the random keys begin that an SDK makes for its own retries, which are off: ours is one that a re-run repeats."""
_HOPS: Final = frozenset({b"host", b"transfer-encoding", b"connection"})


class StepTransport(httpx2.AsyncBaseTransport):
    """Takes the client of the step that runs, at each request: one transport serves all agents of a process."""

    def __init__(self, client: Callable[[], httpx.AsyncClient] | None = None) -> None:
        """`client`: whose requests they are, where no job runs: `lambda: self.http`."""
        self._client = client

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = [(name, value) for name, value in request.headers.raw if name.lower() not in _HOPS]
        if request.headers.get(KEY, "").startswith(_SDKS_OWN):
            headers = [(name, value) for name, value in headers if name.lower() != KEY.encode()]
        content = await request.aread()
        client = Run.current().http if self._client is None else self._client()
        timeout: dict[str, float | None] = request.extensions.get("timeout") or {}
        sent = httpx.Request(
            request.method, str(request.url), headers=headers, content=content, extensions={"timeout": timeout}
        )
        try:
            answer = await client.send(sent, stream=True, follow_redirects=False)
        except httpx.HTTPError as error:
            raise _as_httpx2(error, request) from error
        return httpx2.Response(
            answer.status_code, headers=answer.headers.raw, stream=_Chunks(answer, request), request=request
        )


class _Chunks(httpx2.AsyncByteStream):
    """The body as it came: httpx2 decodes it."""

    def __init__(self, answer: httpx.Response, request: httpx2.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream: Any = self._answer.stream
        try:
            async for chunk in stream:
                yield chunk
        except httpx.HTTPError as error:
            raise _as_httpx2(error, self._request) from error

    async def aclose(self) -> None:
        await self._answer.aclose()


def _as_httpx2(error: httpx.HTTPError, request: httpx2.Request) -> Exception:
    kind: Any = getattr(httpx2, type(error).__name__, httpx2.TransportError)
    made: Exception = kind(str(error), request=request)
    return made


def refusal(error: BaseException | None) -> RoostError | None:
    """What Roost itself said of a request, below what an SDK made of it: where requests may not go, for one."""
    for _ in range(10):
        if error is None:
            return None
        if isinstance(error, RoostError):
            return error
        error = error.__cause__
    return None
