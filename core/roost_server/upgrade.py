"""The handshake: which requests become agents' connections, and how they enter uvicorn.

uvicorn parses the request, makes an object of the class in `Config(ws=...)`, hands it the transport and the
request's bytes, and sets it as the transport's protocol. What that object must be is known only once the path
is read, so it is an `Upgrade`: it reads the path, makes the protocol that will live on (a `Stream`, or
uvicorn's own for the app's web side), passes on what arrives in this turn of the loop, and then gives it the
transport and goes. A claimed path is always accepted, even if the endpoint will refuse it: browsers do not
show a script the status of a refused handshake, and clients retry it for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidHeader
from websockets.http11 import Request
from websockets.server import ServerProtocol

from .proxies import Proxies, hosted
from .pulse import Pulse
from .socket import Endpoint, Handshake, Listener, SocketLimits
from .stream import Stream, log

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState
    from websockets.http11 import Response


def protocol_class(
    endpoint: Endpoint, limits: SocketLimits | None = None, proxies: Proxies | None = None
) -> type[asyncio.Protocol]:
    """A class for `uvicorn.Config(ws=...)`."""
    agents, terms, named = endpoint, limits or SocketLimits(), proxies

    class AgentUpgrade(Upgrade):
        endpoint = agents
        limits = terms
        proxies = named
        listener = None

    return AgentUpgrade


class Upgrade(asyncio.Protocol):
    """One handshake. Subclassed by `protocol_class`."""

    endpoint: ClassVar[Endpoint]
    limits: ClassVar[SocketLimits]
    proxies: ClassVar[Proxies | None]
    listener: ClassVar[Listener | None]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._next: asyncio.Protocol | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._next is not None:
            self._next.data_received(data)
            return
        target = data.split(b" ", 2)[1].decode("latin-1")
        path, _, query = target.partition("?")
        if self.endpoint.claims(path):
            self._next = self._accept(data, path, query)
        else:
            self._next = self._pass_on(data)
        # uvicorn sets us as the protocol when this returns.
        self._loop.call_soon(self._leave)

    def _leave(self) -> None:
        if not self._lost and self._next is not None:
            self._transport.set_protocol(self._next)

    def _pass_on(self, data: bytes) -> asyncio.Protocol:
        protocol = WebSocketsSansIOProtocol(self._config, self._state, self._app_state, self._loop)
        protocol.connection_made(self._transport)
        protocol.data_received(data)
        return protocol

    def _accept(self, data: bytes, path: str, query: str) -> asyncio.Protocol:
        transport = self._transport
        library = ServerProtocol(logger=log)
        library.receive_data(data)
        events = library.events_received()
        if events and isinstance(events[0], Request):
            response = self._answer(library, events[0])
        else:
            response = library.reject(400, "Not a WebSocket handshake.\n")
        transport.write(response.serialize())
        if response.status_code != 101:
            transport.close()
            return asyncio.Protocol()
        lines = (line.partition(b":") for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
        headers = tuple((name.lower(), value.strip()) for name, _, value in lines)
        peer: object = transport.get_extra_info("peername")
        client = str(cast("tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else ""
        scheme = "wss" if transport.get_extra_info("sslcontext") else "ws"
        if self.proxies is not None and (seen := self.proxies.seen(client, headers)) is not None:
            client, headers = seen.client, tuple(hosted(headers, seen.host))
            scheme = {"https": "wss", "http": "ws"}.get(seen.scheme or "", scheme)
        stream = Stream(self._shared(), transport)
        stream.begin(Handshake(path, query, headers, client, scheme))
        return stream

    def _answer(self, library: ServerProtocol, request: Request) -> Response:
        response = library.accept(request)
        error = library.handshake_exc
        if isinstance(error, InvalidHeader) and error.name == "Sec-WebSocket-Version":
            response = library.reject(426, "This server speaks WebSocket version 13.\n")
            response.headers["Upgrade"] = "websocket"
            response.headers["Sec-WebSocket-Version"] = "13"
        if response.status_code == 101 and self._state.default_headers:
            del response.headers["Date"]
            for name, value in self._state.default_headers:
                response.headers[name.decode("latin-1")] = value.decode("latin-1")
        return response

    def _shared(self) -> Listener:
        """One for each server, though a class is normally used by one server only."""
        cls, state, loop = type(self), self._state, self._loop
        connections = cast("set[object]", state.connections)
        if cls.listener is None or cls.listener.connections is not connections:
            pulse = Pulse(loop, self.limits.ping_interval)
            cls.listener = Listener(self.endpoint, self.limits, pulse, loop, connections, state.tasks)
        return cls.listener

    # Until the loop's next turn we stand between the transport and the next protocol.

    def eof_received(self) -> bool | None:
        return self._next.eof_received() if self._next is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._next is not None:
            self._next.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._next is not None:
            self._next.pause_writing()

    def resume_writing(self) -> None:
        if self._next is not None:
            self._next.resume_writing()
