"""Where WebSockets come in: from a handshake to a session of the shared protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roost.author.app import Credentials
from roost.contract.address import Address
from roost.contract.errors import NotSupported, RoostError, TransientError
from roost.contract.hosts import check_origin
from roost.contract.operators import Operators
from roost.contract.trigger import Caller
from roost.engine.runtime import Runtime
from roost.sockets.admission import by_path, by_query, check_transport, read_query
from roost.sockets.line import Line, refuse
from roost.sockets.metered import Metered, knock, known, seat
from roost.sockets.protocol import Session
from roost_http.door import Door

from .hub import Hub
from .socket import Handshake, Socket

ROUTED = "/agents"
"""With `agent` and `name` in the query, as behind API Gateway (the client's `basePath`)."""
STAGE = "/prod"
"""The one URL of the emulated WebSocket API."""


class LocalSession(Session):
    """A session that leaves the hub when its socket is gone."""

    __slots__ = ("hub",)
    hub: Hub

    def closed(self, code: int, reason: str) -> None:
        self.hub.discard(self.address, self.cid)
        super().closed(code, reason)


class MeteredSession(Metered, LocalSession):
    """One that is counted; `leave` gives its seat back."""

    __slots__ = ("leave",)
    leave: Callable[[], None]

    def closed(self, code: int, reason: str) -> None:
        self.leave()
        super().closed(code, reason)


class Agents:
    """The socket endpoint of the local server."""

    def __init__(
        self, runtime: Runtime, hub: Hub, admin_token: str | Operators | None = None, *, loopback: bool = False
    ) -> None:
        self.runtime = runtime
        self.hub = hub
        self.operators = Operators.of(admin_token)
        self.door = Door(runtime.app.hosts, loopback=loopback)

    def claims(self, path: str) -> bool:
        if path == STAGE and not self.runtime.capabilities.connect_path:
            return True
        return path == ROUTED or path.startswith("/agents/")

    async def open(self, handshake: Handshake, socket: Socket) -> None:
        """Admit and greet, or refuse in a way that ends the client's retries (rule 26)."""
        try:
            session = await self._admit(handshake, socket)
        except RoostError as error:
            refuse(socket, error)
            return
        socket.receiver = session
        self.hub.add(session.address, session.cid, socket)
        try:
            await session.open()
        except RoostError as error:
            refuse(socket, error)

    async def _admit(self, handshake: Handshake, line: Line) -> LocalSession:
        runtime = self.runtime
        if runtime.closing:
            raise TransientError("the host is shutting down", code="shutting-down")
        given = self.door.given(handshake.headers)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in given.items()}
        query = read_query(handshake.query)
        address = self.address(handshake.path, query)
        check_transport(query)
        check_origin(runtime.app.origins, headers)
        credentials = Credentials(headers, query, address, True, handshake.client, "connect", "GET")
        caller: Caller | None = await known(runtime, credentials, self.operators)
        cid = f"{runtime.host.entropy():016x}"
        label, meter = query.get("_pk", cid)[:255], runtime.meter
        if meter is None:
            session = LocalSession(runtime, address, cid, label, caller, query, line)
        else:
            await knock(runtime, meter, address, caller, handshake.client)
            leave = seat(runtime, meter, caller, handshake.client)
            session = MeteredSession(runtime, address, cid, label, caller, query, line)
            session.leave = leave
            session.count(runtime, meter, handshake.client)
        session.hub = self.hub
        return session

    def address(self, path: str, query: Mapping[str, str]) -> Address:
        """The agent a handshake is for; the first path segment after `/agents/` is its kind, the second its key."""
        app, capabilities = self.runtime.app, self.runtime.capabilities
        if path in (ROUTED, STAGE):
            return by_query(app, query)
        if not capabilities.connect_path:
            raise NotSupported(f"{capabilities.name} has one WebSocket URL: connect to {STAGE}?agent=...&name=...")
        return by_path(app, path)
