"""One server: uvicorn with the shared HTTP surface and our own WebSocket protocol, over a local backend."""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from roost.app import ASGIApp
from roost.errors import Rejected

from .backend import LocalBackend
from .emulate import Rules
from .gateway import Gateway
from .socket import SocketLimits
from .upgrade import protocol_class
from .wire import Agents

DRAIN = 30.0
"""Seconds that running ticks get at SIGTERM: more than `max_tick`."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen: TCP on `host` and `port` (0: any free one), or a Unix socket at `uds`."""

    host: str = "127.0.0.1"
    port: int = 8787
    uds: Path | None = None
    fd: int | None = None
    """A socket that listens already, handed over by a parent process."""

    def bind(self) -> sockets.socket:
        """The bound socket. Rejected names who else listens there."""
        if self.fd is not None:
            return sockets.socket(fileno=self.fd)
        try:
            if self.uds is not None:
                return self._bind_unix(self.uds)
            family = sockets.AF_INET6 if ":" in self.host else sockets.AF_INET
            return sockets.create_server((self.host, self.port), family=family, backlog=2048)
        except OSError as error:
            where = self.uds or f"{self.host}:{self.port}"
            raise Rejected(f"can't listen on {where}: {error.strerror}; choose another with --port or --uds") from error

    def url(self, sock: sockets.socket) -> str:
        """Where a client finds `sock`: a URL with the real port, or `unix:PATH`."""
        if self.uds is not None:
            return f"unix:{self.uds}"
        host, port = sock.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @staticmethod
    def _bind_unix(path: Path) -> sockets.socket:
        if path.is_socket():
            probe = sockets.socket(sockets.AF_UNIX)
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink()  # a socket file nobody listens on any more
            finally:
                probe.close()
        sock = sockets.socket(sockets.AF_UNIX)
        sock.bind(str(path))
        os.chmod(path, 0o600)
        sock.listen(2048)
        return sock


class LocalServer(uvicorn.Server):
    """Drains ticks before it closes connections."""

    def __init__(self, config: uvicorn.Config, backend: LocalBackend) -> None:
        super().__init__(config)
        self._backend = backend
        self.install_signals = True
        self._aborted = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
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
            await self._backend.drain(DRAIN)
        await super().shutdown(sockets)


def server(
    backend: LocalBackend, surface: ASGIApp, admin_token: str | None = None, rules: Rules | None = None
) -> LocalServer:
    """The server of a backend, not started: `await server(...).serve(sockets=[listen.bind()])`.

    `rules`: of the platform whose connections are emulated.
    """
    limits = backend.runtime.limits
    largest, endpoint = limits.message_in, Agents(backend.runtime, backend.hub, admin_token)
    if rules is not None and rules.frame is not None:
        largest = min(largest, rules.frame)
    if rules is not None and rules.gateway:
        endpoint = Gateway(backend.runtime, backend.hub, admin_token, rules)
    config = uvicorn.Config(
        surface,
        ws=protocol_class(endpoint, SocketLimits(max_message=largest)),
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    return LocalServer(config, backend)
