"""Pools of HTTP connections: one for requests and one for streams, for each event loop that uses the client.

Requests wait for a free connection when CALLS are busy; a stream keeps its own as long as it is followed, so streams
never take a request's. A connection belongs to the loop that opened it: a client that is used under a second
`asyncio.run` gets fresh ones there.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx

from .wire import is_loopback

CALLS: Final = 100
"""Requests under way at once; more wait their turn."""
KEPT: Final = 20
"""Idle connections that are kept."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Those of one loop."""

    requests: httpx.AsyncClient
    streams: httpx.AsyncClient

    async def aclose(self) -> None:
        await self.requests.aclose()
        if self.streams is not self.requests:
            await self.streams.aclose()


class Pool:
    """The pools of one client. `transport` replaces the network, for requests and streams alike."""

    def __init__(self, url: str, headers: Mapping[str, str], transport: httpx.AsyncBaseTransport | None) -> None:
        self._url = url
        self._headers = dict(headers)
        self._transport = transport
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Pools] = WeakKeyDictionary()
        self._closed = False

    def here(self) -> Pools:
        """Those of the running loop. RuntimeError once the client is closed."""
        if self._closed:
            raise RuntimeError("this client is closed: make another, and use it inside `async with`")
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            for other in [other for other in self._by_loop if other.is_closed()]:
                del self._by_loop[other]  # its connections ended with it
            requests = self._make(httpx.Limits(max_connections=CALLS, max_keepalive_connections=KEPT))
            streams = requests
            if self._transport is None:
                streams = self._make(httpx.Limits(max_connections=None, max_keepalive_connections=KEPT))
            found = self._by_loop[loop] = Pools(requests, streams)
        return found

    def _make(self, limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=None, transport=self._transport, verify=_tls(),
            limits=limits, trust_env=not is_loopback(urlsplit(self._url).hostname or ""),
        )  # fmt: skip

    async def aclose(self) -> None:
        """Close those of this loop; open streams end. Those of another loop end with it."""
        self._closed = True
        found = self._by_loop.pop(asyncio.get_running_loop(), None)
        self._by_loop.clear()
        if found is not None:
            with suppress(RuntimeError):  # a stream that is being read ends by itself
                await found.aclose()


@cache
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes longer than most scripts' requests."""
    return httpx.create_ssl_context()
