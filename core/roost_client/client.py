"""The client: one deployment, its agents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, cast, overload
from urllib.parse import urlsplit

import httpx
from pydantic_core import to_json
from websockets.asyncio.client import ClientConnection

from roost.contract.address import Address

from .dial import Dial, dialer, socket_url
from .faults import bad_answer
from .handle import AgentHandle, Document
from .http import Http
from .proxy import Proxy, kind_of
from .retry import Backoff, Retries

A = TypeVar("A")


class AgentRow(TypedDict):
    """An agent in the list. The server may say more than this."""

    kind: str
    key: str
    version: int


class AuditEntry(TypedDict):
    """`kind`: asked, done or refused. `data`: who, what, kind, key, client, and, once it is known, status."""

    seq: int
    kind: str
    at: float
    data: dict[str, Any]


class Client:
    """Talks to the deployment at `url`, with `token` as the bearer where it asks for one.

    `timeout` (seconds; None = for ever) bounds each request with all its repeats. `retries` > 0 gives every
    call and tell an idempotency key and repeats it, and reads, that often after a transient error. WebSockets
    are at `socket_url` where that differs from `url`; `base_path` is the one path they share where the
    platform has no path per agent (API Gateway's stage). `transport` replaces the network of HTTP requests.
    `tickets`: each WebSocket is opened with a ticket asked for over HTTP; the token is sent with no handshake.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float | None = 30.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        base_path: str | None = None,
        socket_url: str | None = None,
        tickets: bool = False,
        retries: int = 0,
        backoff: Backoff | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError(f"{url!r} is no http:// or https:// URL")
        self.url = url.rstrip("/")
        self._headers = dict(headers or {})
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        self._timeout = timeout
        self._base_path = base_path
        self._socket_url = socket_url or self.url
        self._tickets = tickets
        self._http = Http(
            self.url,
            headers=self._headers,
            timeout=timeout,
            retries=Retries(retries, backoff or Backoff()),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the pool of HTTP connections. WebSockets have their own `async with`."""
        await self._http.aclose()

    @overload
    def agent(self, kind: str, key: str, /) -> AgentHandle: ...
    @overload
    def agent(
        self, kind: type[A], key: str, /, *, timeout: float | None = None, idempotency_key: str | None = None
    ) -> A: ...
    def agent(
        self,
        kind: str | type[Any],
        key: str,
        /,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The agent (kind, key): a handle, or for an agent class an object typed as that class."""
        handle = self.handle(kind, key)
        if isinstance(kind, str):
            return handle
        return Proxy(kind, handle, timeout=timeout, idempotency_key=idempotency_key)

    def handle(self, kind: str | type[Any], key: str, /) -> AgentHandle:
        """The handle of an agent, also for a class."""
        return AgentHandle(Address(kind_of(kind), key), self._http, self._dialer)

    async def agents(
        self, *, kind: str | type[Any] | None = None, prefix: str | None = None, limit: int = 100
    ) -> AsyncGenerator[AgentRow, None]:
        """All agents, of one kind and with keys that begin with `prefix` if given; fetched `limit` at a time.

        The list is eventually consistent: a new agent is in it within 60 s.
        """
        params: dict[str, str | int] = {"limit": limit}
        if kind is not None:
            params["kind"] = kind_of(kind)
        if prefix is not None:
            params["prefix"] = prefix
        while True:
            page = await self._http.fetch("GET", "/v1/agents", params=params)
            try:
                rows, cursor = cast("list[AgentRow]", page["agents"]), cast("str | None", page["cursor"])
            except (TypeError, KeyError):
                raise bad_answer("GET /v1/agents: the answer is no page of agents") from None
            for row in rows:
                yield row
            if not cursor:
                return
            params["cursor"] = cursor

    async def audit(self, *, after: int = 0, limit: int = 1000) -> AsyncGenerator[AuditEntry, None]:
        """What operators did and what was refused, oldest first, after the entry of that number; fetched `limit` at a
        time. For operators; the oldest entries go when there are many."""
        while True:
            page = await self._http.fetch("GET", "/v1/audit", params={"after": after, "limit": limit})
            try:
                rows = cast("list[AuditEntry]", page["events"])
                for row in rows:
                    yield row
                    after = row["seq"]
                more = len(rows) == limit or bool(page.get("more"))
            except (TypeError, KeyError):
                raise bad_answer("GET /v1/audit: the answer is no page of entries") from None
            if not (rows and more):
                return

    async def health(self) -> Document:
        """What the deployment says of its health; TransientError when it is not well."""
        return cast(Document, await self._http.fetch("GET", "/healthz"))

    async def openapi(self) -> Document:
        """The OpenAPI document, one typed operation per action."""
        return cast(Document, await self._http.fetch("GET", "/openapi.json"))

    def _dialer(self, address: Address, label: str, query: Mapping[str, str] | None, /) -> Dial:
        def dial(more: Mapping[str, str], headers: Mapping[str, str]) -> Dial:
            asked = {**(query or {}), **more}
            url = socket_url(self._socket_url, address, base_path=self._base_path, label=label, query=asked)
            return dialer(url, headers, self._timeout)

        if not self._tickets:
            return dial({}, self._headers)
        bare = {k: v for k, v in self._headers.items() if k.lower() != "authorization"}

        async def with_ticket() -> ClientConnection:
            return await dial({"ticket": await self.ticket(*address)}, bare)()

        return with_ticket

    async def ticket(self, kind: str | type[Any], key: str, /) -> str:
        """A ticket that opens one WebSocket to that agent, once, within 30 s: for `?ticket=` of the handshake."""
        found = await self._http.fetch(
            "POST", "/v1/tickets", body=to_json({"kind": kind_of(kind), "key": key}).decode()
        )
        try:
            ticket: object = found["ticket"]
        except (TypeError, KeyError):
            ticket = None
        if not isinstance(ticket, str):
            raise bad_answer("POST /v1/tickets: the answer has no ticket")
        return ticket
