"""The emulated gateway: the local socket endpoint as API Gateway and Lambda would treat it.

Between a socket and its session stands a `Link`. It greets only after the handshake, lets frames overtake
each other, hides close codes, and reports every frame to the ledger, whose one timer ends what has been idle
or open too long. Rules are in emulate.py; the clock and the timers are the host's, so a test can hold them.
"""

from __future__ import annotations

from roost.contract.errors import RoostError
from roost.contract.operators import Operators
from roost.engine.runtime import Runtime
from roost.ports import Timer
from roost.sockets.line import refuse
from roost_server.hub import Hub
from roost_server.socket import Handshake, Receiver, Socket
from roost_server.wire import Agents, LocalSession

from .emulate import NO_BINARY, NORMAL, Jitter, Ledger, Rules


class EmulatedGateway(Agents):
    """The socket endpoint under a platform's rules."""

    def __init__(
        self, runtime: Runtime, hub: Hub, admin_token: str | Operators | None, rules: Rules, *, loopback: bool = False
    ) -> None:
        super().__init__(runtime, hub, admin_token, loopback=loopback)
        self.rules = rules
        self.jitter = Jitter(rules.spread, runtime.host.entropy())
        idle, life = runtime.capabilities.idle_timeout, runtime.capabilities.max_connection
        self.ledger: Ledger[Link] = Ledger(idle, life)
        self._timer: Timer | None = None

    async def open(self, handshake: Handshake, socket: Socket) -> None:
        link = Link(self, socket)
        socket.receiver = link
        self.ledger.opened(link, self.runtime.host.monotonic())
        self._arm()
        host = self.runtime.host
        host.call_later(self.rules.greeting, lambda: host.spawn(self._greet(handshake, link)))

    async def _greet(self, handshake: Handshake, link: Link) -> None:
        if link.socket.closing:
            return
        try:
            session = await self._admit(handshake, link)
            if link.socket.closing:
                return
            self.hub.add(session.address, session.cid, link)
            link.session = session
            await session.open()
        except RoostError as error:
            refuse(link, error)
            return
        link.greeted(session)

    def _arm(self) -> None:
        at = self.ledger.next()
        if self._timer is None and at is not None:
            host = self.runtime.host
            self._timer = host.call_later(max(0.0, at - host.monotonic()), self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        for link, ending in self.ledger.due(self.runtime.host.monotonic()):
            link.socket.close(ending.code, ending.reason)
        self._arm()


class Link:
    """One connection: what the session takes for its socket, and what the socket takes for its receiver."""

    __slots__ = ("_early", "_gateway", "_over", "_ready", "session", "socket")

    def __init__(self, gateway: EmulatedGateway, socket: Socket) -> None:
        self._gateway = gateway
        self.socket = socket
        self.session: LocalSession | None = None
        self._ready: Receiver | None = None
        self._early: list[str | bytes] = []
        self._over: tuple[int, str] | None = None

    # From the session to the socket

    def send_text_bytes(self, data: bytes) -> None:
        self._stir()
        self.socket.send_text_bytes(data)

    def write(self, frame: bytes) -> None:
        self._stir()
        self.socket.write(frame)

    def close(self, code: int, reason: str) -> None:
        if not self._gateway.runtime.capabilities.close_code:
            code, reason = NORMAL, ""  # the server can't choose: an error frame went before
        self.socket.close(code, reason)

    def pause(self) -> None:
        self.socket.pause()

    def resume(self) -> None:
        self.socket.resume()

    # From the socket to the session

    def text(self, data: str) -> None:
        self._came(data)

    def binary(self, data: bytes) -> None:
        if self._gateway.runtime.capabilities.binary_frames:
            self._came(data)
        else:
            self.socket.close(NO_BINARY, "")

    def _came(self, data: str | bytes) -> None:
        self._stir()
        self._gateway.runtime.host.call_later(self._gateway.jitter.delay(), lambda: self._arrive(data))

    def _arrive(self, data: str | bytes) -> None:
        if self._ready is None:
            self._early.append(data)  # `on_connect` is before any frame (rule 24)
        elif isinstance(data, str):
            self._ready.text(data)
        else:
            self._ready.binary(data)

    def greeted(self, session: LocalSession) -> None:
        """The session is open: what came before goes to it."""
        self._ready = session
        early, self._early = self._early, []
        for data in early:
            self._arrive(data)
        if self._over is not None:
            session.closed(*self._over)

    def closed(self, code: int, reason: str) -> None:
        self._gateway.ledger.closed(self)
        self._over = (code, reason)
        if self._ready is not None:
            self._ready.closed(code, reason)
        elif self.session is not None:  # between admission and greeting: `greeted` reports it
            self._gateway.hub.discard(self.session.address, self.session.cid)

    def _stir(self) -> None:
        self._gateway.ledger.stirred(self, self._gateway.runtime.host.monotonic())
