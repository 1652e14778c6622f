"""One server: uvicorn with the shared HTTP surface and our own WebSocket protocol, over whatever runs the agents."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import uvicorn

from roost.author.app import ASGIApp
from roost.engine.runtime import Runtime
from roost_http.call import Calls
from roost_http.surface import Surface

from .intake import Terms, intake_class
from .proxies import Behind, Proxies
from .socket import Endpoint, SocketLimits
from .tls import Certificate, secured
from .upgrade import protocol_class

DRAIN = 30.0
"""Seconds that running ticks get at SIGTERM: more than `max_tick`."""


HSTS = ("strict-transport-security", "max-age=31536000")
SETTLE = 0.02
"""Seconds in which a connection that was just accepted brings its request."""


class Drains(Protocol):
    """What runs the agents of this process."""

    async def drain(self, seconds: float) -> None:
        """Take no new trigger, and let running ticks end."""
        ...


class AgentServer(uvicorn.Server):
    """Drains ticks before it closes connections."""

    def __init__(self, config: uvicorn.Config, backend: Drains) -> None:
        super().__init__(config)
        self._backend = backend
        self.install_signals = True
        self._aborted = False

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """SIGINT and SIGTERM end the server, unless another part of the process owns them."""
        if self.install_signals:
            with super().capture_signals():
                yield
        else:
            yield

    def abort(self) -> None:
        """Cut every connection at once, as the death of the process would."""
        self._aborted = True
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None) or getattr(connection, "_transport", None)
            if transport is not None:
                transport.abort()
        self.should_exit = True

    async def shutdown(self, sockets: list[sockets.socket] | None = None) -> None:
        if not self._aborted:
            for listener in self.servers:  # before the drain: who comes now waits for the next process, if there is one
                listener.close()
            await asyncio.sleep(SETTLE)
            await self._backend.drain(DRAIN)
        await super().shutdown(sockets)


def _calls(surface: ASGIApp) -> Calls | None:
    """What answers calls past an application: of our own surface, wrapped by nobody, over a runtime of this process
    that takes all calls itself."""
    calls = surface.calls if isinstance(surface, Surface) else None
    return (
        calls if calls is not None and getattr(type(calls.site.runtime), "dispatch", None) is Runtime.dispatch else None
    )


def server(
    backend: Drains,
    surface: ASGIApp,
    endpoint: Endpoint,
    max_message: int,
    terms: Terms | None = None,
    *,
    certificate: Certificate | None = None,
    proxies: Proxies | None = None,
    loopback: bool = False,
) -> AgentServer:
    """The server of a backend, not started: `await server(...).serve(sockets=[listen.bind()])`.

    `endpoint`: takes the WebSockets, of messages of at most `max_message` bytes. `terms`: what a connection may cost.
    `certificate`: TLS on all its sockets. `proxies`: whose word is taken for who the client is. `loopback`: it listens
    there, and is nobody's site.
    """
    intake = intake_class(terms or Terms(), _calls(surface) if proxies is None else None)
    config = uvicorn.Config(
        surface if proxies is None else Behind(surface, proxies),
        http=intake if certificate is None else secured(intake, certificate),
        ws=protocol_class(endpoint, SocketLimits(max_message=max_message), proxies),
        headers=[HSTS] if certificate is not None and not loopback else None,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # any local process could claim to be anybody
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        backlog=min(2048, Terms.reserve()),
    )
    return AgentServer(config, backend)
