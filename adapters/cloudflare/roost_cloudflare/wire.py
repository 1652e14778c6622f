"""The port `Wire` over hibernating WebSockets, and the sessions behind them.

The platform keeps the sockets while the object sleeps; each carries the id of its connection and nothing else.
What a session needs besides stands in the connection's row. A socket that outlived its object's memory has been
sent all that was released: an object that dies with something unsent loses its sockets too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from roost.author.app import App
from roost.contract.address import Address
from roost.contract.caller import caller_of, network_of
from roost.contract.commit import Frame, Row
from roost.contract.trigger import Caller
from roost.engine.runtime import Runtime
from roost.sockets.admission import by_path, by_query
from roost.sockets.metered import Metered
from roost.sockets.protocol import Session

from . import interop

ROUTED = "/agents"
"""With `agent` and `name` in the query, as behind API Gateway (the client's `basePath`)."""
LATEST = 1 << 62


class ObjectLine:
    """The socket under a session."""

    __slots__ = ("closing", "socket")

    def __init__(self, socket: interop.Js) -> None:
        self.socket = socket
        self.closing = False

    def send_text_bytes(self, data: bytes) -> None:
        if not self.closing:
            interop.send(self.socket, data.decode())

    def close(self, code: int, reason: str) -> None:
        if not self.closing:
            self.closing = True
            interop.close(self.socket, code, reason)

    def pause(self) -> None:
        """The platform can't stop reading; the mailbox's limit refuses what is too much."""

    def resume(self) -> None:
        pass


class ObjectSession(Session):
    """A session of a socket that may hibernate, which a timer would prevent."""

    __slots__ = ()
    timed = False


class MeteredSession(Metered, ObjectSession):
    """One that is counted. Its seat is its row, so that hibernation loses none."""

    __slots__ = ()


def session_of(
    runtime: Runtime, address: Address, cid: str, label: str, caller: Caller | None, query: Mapping[str, str],
    line: ObjectLine, client: str = "",
) -> Session:  # fmt: skip
    """The session of a connection. `client`: its remote address; its row keeps the network of one without a name."""
    if runtime.meter is None:
        return ObjectSession(runtime, address, cid, label, caller, query, line)
    session = MeteredSession(runtime, address, cid, label, caller, query, line)
    session.count(runtime, runtime.meter, client)
    return session


def rebuilt(runtime: Runtime, address: Address, row: Row, line: ObjectLine) -> Session:
    """The session of a connection that outlived the object's memory."""
    caller, client = caller_of(row.principal, row.claims), network_of(row.principal, row.claims) or ""
    session = session_of(runtime, address, row.cid, row.label, caller, {}, line, client)
    session.resume()
    return session


class Sockets:
    """Fills the port `Wire` for the one agent of its object."""

    def __init__(self, ctx: interop.Js) -> None:
        self._ctx = ctx
        self._lines: dict[str, ObjectLine] | None = None
        self.sessions: dict[str, Session] = {}
        self.version = LATEST

    @property
    def lines(self) -> dict[str, ObjectLine]:
        """Open sockets by connection; found anew after a hibernation."""
        if self._lines is None:
            self._lines = {cid: ObjectLine(s) for s in interop.sockets(self._ctx) if (cid := interop.cid_of(s))}
        return self._lines

    def add(self, cid: str, line: ObjectLine) -> None:
        self.lines[cid] = line

    def discard(self, cid: str) -> None:
        self.lines.pop(cid, None)
        self.sessions.pop(cid, None)

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        if version:
            self.version = version
        gone: list[str] = []
        lines = self.lines
        for frame in frames:
            data = frame.data if frame.binary else frame.data.decode()
            for cid in frame.to:
                line = lines.get(cid)
                if line is None or line.closing or not interop.send(line.socket, data):
                    gone.append(cid)
        return gone

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        line = self.lines.get(cid)
        if line is not None:
            line.close(code, reason)

    def open(self, address: Address) -> Mapping[str, int] | None:
        return dict.fromkeys(self.lines, self.version)


def socket_address(app: App, path: str, query: Mapping[str, str]) -> Address:
    """The agent a handshake is for; NotFound, Rejected: none."""
    return by_query(app, query) if path == ROUTED else by_path(app, path)
