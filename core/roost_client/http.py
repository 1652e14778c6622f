"""HTTP requests of a client: encoded, authorised, repeated where that is safe, their errors translated."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

import httpx

from roost.contract.errors import TransientError

from .faults import bad_answer, from_httpx, from_status
from .pool import Pool
from .retry import Retries
from .sse import Parser, ServerSent

Params = Mapping[str, str | int]


class Http:
    """The requests of a client to one deployment. `timeout` in seconds; None waits for ever."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float | None,
        retries: Retries,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.timeout = timeout
        self.retries = retries
        self._pool = Pool(url, headers, transport)

    async def fetch(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        params: Params | None = None,
        key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """The JSON an endpoint answers. Only a GET and a request with an idempotency key are repeated."""
        client = self._pool.here().requests
        request = _request(client, method, path, "application/json", body, params, key)
        what = f"{method} {path}"

        async def attempt() -> Any:
            try:
                answer = await client.send(request)
            except httpx.HTTPError as error:
                raise from_httpx(error, what) from error
            if not answer.is_success:
                raise from_status(answer.status_code, answer.headers, answer.content)
            return _json(answer.content, what) if answer.content else None

        safe = key is not None or method == "GET"
        return await self.retries.run(
            attempt, repeat=lambda _: safe, timeout=self.timeout if timeout is None else timeout, what=what
        )

    def open(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        params: Params | None = None,
        key: str | None = None,
        last_id: str = "",
        silence: float | None = None,
    ) -> Opening:
        """The answer as a stream. `silence`: seconds without a byte after which it counts as lost.

        A stream is repeated only before it began: what a broken one had sent can't be sent again.
        """
        client = self._pool.here().streams
        request = _request(client, method, path, "text/event-stream", body, params, key)
        if last_id:
            request.headers["last-event-id"] = last_id
        request.extensions["timeout"] = httpx.Timeout(None, read=silence).as_dict()
        what = f"{method} {path}"

        async def attempt() -> httpx.Response:
            try:
                answer = await client.send(request, stream=True)
                if answer.is_success:
                    return answer
                try:
                    content = await answer.aread()
                finally:
                    await answer.aclose()
            except httpx.HTTPError as error:
                raise from_httpx(error, what) from error
            raise from_status(answer.status_code, answer.headers, content)

        def repeat(error: TransientError) -> bool:
            return method == "GET" or (key is not None and error.code not in {"connection-lost", "timeout"})

        return Opening(lambda: self.retries.run(attempt, repeat=repeat, timeout=silence, what=what))

    async def aclose(self) -> None:
        """Close the pool; open streams end."""
        await self._pool.aclose()


class Opening:
    """`async with` an answer that streams. No generator: see inner.py."""

    __slots__ = ("_answer", "_begin")

    def __init__(self, begin: Callable[[], Awaitable[httpx.Response]]) -> None:
        self._begin = begin
        self._answer: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        self._answer = await self._begin()
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._answer is not None:
            await self._answer.aclose()


def _request(
    client: httpx.AsyncClient, method: str, path: str, accept: str, body: str | None, params: Params | None,
    key: str | None,
) -> httpx.Request:  # fmt: skip
    headers = {"accept": accept}
    if body is not None:
        headers["content-type"] = "application/json"
    if key is not None:
        headers["idempotency-key"] = key
    return client.build_request(method, path, content=body, params=params, headers=headers)


def is_event_stream(answer: httpx.Response) -> bool:
    """Does the answer hold server-sent events?"""
    return str(answer.headers.get("content-type", "")).partition(";")[0].strip() == "text/event-stream"


async def read_json(answer: httpx.Response) -> Any:
    """The whole of a streamed answer as JSON."""
    what = f"{answer.request.method} {answer.request.url.path}"
    try:
        return _json(await answer.aread(), what)
    except httpx.HTTPError as error:
        raise from_httpx(error, what) from error


async def read_events(answer: httpx.Response, parser: Parser) -> AsyncGenerator[ServerSent, None]:
    """The events of a streamed answer, read no faster than they are taken."""
    try:
        async for data in answer.aiter_bytes():
            for sent in parser.feed(data):
                yield sent
    except httpx.HTTPError as error:
        raise from_httpx(error, f"{answer.request.method} {answer.request.url.path}") from error


def _json(content: bytes, what: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise bad_answer(f"{what}: the answer is not JSON; is this a Roost server?") from error
