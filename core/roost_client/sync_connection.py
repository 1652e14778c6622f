"""A WebSocket to one agent for code without an event loop: `Connection`, blocking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from .connection import Connection
from .frames import Identity
from .link import Closed
from .portal import Portal


class SyncConnection:
    """Open it with `with handle.connect() as conn:`. Every verb is that of `Connection`."""

    def __init__(self, connection: Connection, portal: Portal) -> None:
        self._connection = connection
        self._portal = portal
        self._open: AbstractContextManager[Connection] | None = None

    def __enter__(self) -> Self:
        self._open = self._portal.wrap(self._connection)
        self._open.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.__exit__(kind, error, trace)

    @property
    def identity(self) -> Identity:
        """The agent at the other end."""
        return self._connection.identity

    @property
    def state(self) -> Any:
        """The newest state; None before there is one."""
        return self._connection.state

    @property
    def closed(self) -> Closed | None:
        """How the connection ended; None while it lives."""
        return self._connection.closed

    def wait_closed(self) -> Closed:
        """Wait for the end of the connection."""
        return self._portal.run(self._connection.wait_closed)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close for good."""
        self._portal.run(lambda: self._connection.close(code, reason))

    def call(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call an action."""
        return self._portal.run(
            lambda: self._connection.call_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)
        )

    def stream(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Chunks of a streaming action."""
        stream = self._connection.stream_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)
        return self._portal.iterate(stream)

    def send(self, data: Any, /, *, timeout: float | None = None) -> None:
        """Send a message."""
        self._portal.run(lambda: self._connection.send(data, timeout=timeout))

    def messages(self) -> Iterator[Any]:
        """The agent's messages, each handed out once."""
        return self._portal.iterate(self._connection.messages())

    def set_state(self, state: Any, /, *, timeout: float | None = None) -> None:
        """Replace the agent's state."""
        self._portal.run(lambda: self._connection.set_state(state, timeout=timeout))

    def states(self) -> Iterator[Any]:
        """The state now, then each that follows."""
        return self._portal.iterate(self._connection.states())
