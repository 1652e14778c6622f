"""A call that goes past ASGI: what stands where uvicorn would have one request and its answer.

A request that is a call, and is there as a whole, needs neither a task nor a scope: `roost_http.call.Calls.at_once`
takes it from the parser's bytes to the runtime, and the answer is written when the runtime has it. All others, and
those that it leaves, go through the application.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from .cycle import written

if TYPE_CHECKING:
    from asyncio import Transport

    from uvicorn.server import ServerState

    from roost_http.asgi import Header


class Answering(Protocol):
    """A connection, as far as an answer needs it."""

    transport: Transport
    server_state: ServerState

    def on_response_complete(self) -> None:
        """The next request may come."""


class _Nobody:
    """An event that nobody waits for."""

    def set(self) -> None: ...


class Direct:
    """One call. Its attributes are those that uvicorn and `Intake` look at in a cycle."""

    __slots__ = ("_connection", "disconnected", "keep_alive", "response_complete")

    response_started: ClassVar[bool] = False
    waiting_for_100_continue: ClassVar[bool] = False
    message_event: ClassVar[_Nobody] = _Nobody()

    def __init__(self, connection: Answering) -> None:
        self._connection = connection
        self.disconnected = False
        self.response_complete = False
        self.keep_alive = True
        """False: the server is stopping."""

    def answer(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """The whole answer. Nobody minds when the client has left."""
        connection = self._connection
        transport = connection.transport
        if self.disconnected or transport.is_closing():
            return
        self.response_complete = True
        transport.write(written(status, connection.server_state.default_headers, headers, body, self.keep_alive))
        if not self.keep_alive:
            transport.close()
        connection.on_response_complete()
