"""The client for scripts and notebooks: the async one, run on a thread of its own while the caller waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from .client import AgentRow, AuditEntry, Client
from .handle import Document
from .portal import Portal
from .retry import Backoff
from .sync_handle import SyncAgentHandle


class SyncClient:
    """`Client`, blocking. Works inside a running event loop too (a notebook), though it holds that loop up.

    Use it with `with`, or `close()` it; its thread does not keep Python from exiting.
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
        self._client = Client(
            url,
            token=token,
            timeout=timeout,
            headers=headers,
            transport=transport,
            base_path=base_path,
            socket_url=socket_url,
            tickets=tickets,
            retries=retries,
            backoff=backoff,
        )
        self._portal = Portal()
        self._open = True

    def __repr__(self) -> str:
        return f"Sync{self._client!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._open:
            self._open = False
            try:
                self._portal.run(self._client.aclose)
            finally:
                self._portal.close()

    def agent(self, kind: str | type[Any], key: str, /) -> SyncAgentHandle:
        """The agent (kind, key). A class names its kind; what blocks can't be typed as that class."""
        return SyncAgentHandle(self._client.handle(kind, key), self._portal)

    def agents(
        self, *, kind: str | type[Any] | None = None, prefix: str | None = None, limit: int = 100
    ) -> Iterator[AgentRow]:
        """All agents, fetched `limit` at a time."""
        return self._portal.iterate(self._client.agents(kind=kind, prefix=prefix, limit=limit))

    def ticket(self, kind: str | type[Any], key: str, /) -> str:
        """A ticket that opens one WebSocket to that agent, once, within 30 s."""
        return self._portal.run(lambda: self._client.ticket(kind, key))

    def audit(self, *, after: int = 0, limit: int = 1000) -> Iterator[AuditEntry]:
        """What operators did and what was refused, oldest first."""
        return self._portal.iterate(self._client.audit(after=after, limit=limit))

    def health(self) -> Document:
        """What the deployment says of its health."""
        return self._portal.run(self._client.health)

    def openapi(self) -> Document:
        """The OpenAPI document."""
        return self._portal.run(self._client.openapi)
