"""The sockets of a simulated world, both ends, and the port `Wire` of its hosts.

`sticky` sockets outlive the host that served them, as on Cloudflare and API Gateway; others die with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.commit import Frame

from .life import Life
from .model import Model
from .streams import Chunks

if TYPE_CHECKING:
    from roost.sockets.protocol import Session

    from .world import Machine


class Socket:
    """One connection: fills the port `Line`, and keeps what the client got."""

    def __init__(self, gateway: Gateway, address: Address, cid: str) -> None:
        self.gateway = gateway
        self.address = address
        self.cid = cid
        self.session: Session | None = None
        self.machine: Machine | None = None
        self.open = True
        self.version = 0
        self.last = self.born = 0
        """The `n` of the last news, and the agent's generation then."""
        self.shown: tuple[int, str, int] | None = None
        """(n, token) of the last state frame, and the agent's generation then."""
        self.seen: set[str] = set()
        self.streams: dict[str, tuple[Chunks, int]] = {}
        """Op -> its chunks so far, and how many there are to be."""
        self.sent = 0
        """Numbered frames so far."""
        self.ordered = True
        """The frame that comes now may not have been overtaken."""

    def send_text_bytes(self, data: bytes) -> None:
        self.take(data)

    def take(self, data: bytes, ordered: bool = True) -> None:
        """The client gets a frame; `ordered`: it may not have been overtaken."""
        if self.open:
            self.ordered = ordered
            self.gateway.check(self, cast("dict[str, Any]", from_json(data)))

    def close(self, code: int, reason: str) -> None:
        """The server hangs up."""
        if self.open:
            self.gateway.model.history.note("closed", f"{self.cid} {code} {reason}")
            self.gateway.drop(self)

    def pause(self) -> None:
        """Never that many frames."""

    def resume(self) -> None:
        """Never paused."""


class Gateway:
    """All sockets."""

    def __init__(self, model: Model, *, sticky: bool) -> None:
        self.model = model
        self.sticky = sticky
        self.sockets: dict[Address, dict[str, Socket]] = {}
        self.told: Callable[[Socket], None] = lambda socket: None
        """Whoever serves a connection, of its end."""

    def add(self, socket: Socket) -> None:
        self.sockets.setdefault(socket.address, {})[socket.cid] = socket

    def drop(self, socket: Socket) -> None:
        """The connection is gone; whoever serves it is told."""
        socket.open = False
        self.sockets.get(socket.address, {}).pop(socket.cid, None)
        self.told(socket)

    def died(self, machine: Machine) -> list[Socket]:
        """A host is dead; the sockets that must find another."""
        mine = [s for group in self.sockets.values() for s in group.values() if s.machine is machine]
        if self.sticky:
            return mine
        for socket in mine:
            self.model.history.note("cut", socket.cid)
            self.drop(socket)
        return []

    # Wire --------------------------------------------------------------------------------------------

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        if version > self.model.life(address).version:
            self.model.broken("gate", f"{address}: frames of version {version} before it is durable")
        group = self.sockets.get(address, {})
        if version:
            for socket in group.values():
                socket.version = max(version, socket.version)
        gone: list[str] = []
        for frame in frames:
            for cid in frame.to:
                found = group.get(cid)
                if found is None:
                    gone.append(cid)
                else:
                    found.take(frame.data)
        return gone

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        socket = self.sockets.get(address, {}).get(cid)
        if socket is not None:
            socket.close(code, reason)

    def open(self, address: Address) -> Mapping[str, int] | None:
        return {cid: s.version for cid, s in self.sockets.get(address, {}).items()}

    @property
    def reliable(self) -> bool:
        """No frame was lost yet."""
        return not any(k.startswith("fault:wire") for k in self.model.history.counts)

    # What a client may see ---------------------------------------------------------------------------

    def check(self, socket: Socket, frame: dict[str, Any]) -> None:
        """The rules of frames: only what is durable, in order, each once."""
        kind = frame.get("type")
        life = self.model.life(socket.address)
        if kind == "cf_agent_state":
            self._state(socket, frame["state"], life)
        elif kind == "rpc":
            self._reply(socket, frame)
        elif kind == "roost_stream_reset" and frame["id"] in socket.streams:
            socket.streams[frame["id"]][0].reset()
        elif "is" in frame:
            self._news(socket, frame)

    def _state(self, socket: Socket, state: dict[str, Any], life: Life) -> None:
        n, token = int(state["n"]), str(state["token"])
        self.model.history.note("frame", f"{socket.cid} state {n}")
        if token not in self.model.tokens:
            self.model.broken("gate", f"{socket.cid} was shown state {n} {token}, which is not durable")
        born = (
            self.model.tokens.get(token) or life.generation
        )  # the last commit may be a destruction nobody knows of yet
        overtaken = socket.shown is not None and n < socket.shown[0] and socket.shown[2] == born
        if overtaken and socket.shown is not None and socket.ordered:
            self.model.broken("frame-order", f"{socket.cid} was shown state {n} after {socket.shown[0]}")
        socket.shown = n, token, born

    def _reply(self, socket: Socket, frame: dict[str, Any]) -> None:
        self.model.history.note("frame", f"{socket.cid} rpc {frame.get('id')}")
        stream = socket.streams.get(frame["id"])
        if stream is not None and not (socket.ordered and self.reliable):
            stream[0].whole = False
        if not frame.get("success"):
            return
        if not frame.get("done"):
            if stream is not None and socket.ordered:  # an overtaken one is of a run that another host has taken over
                stream[0].chunk(frame["result"])
            return
        if stream is not None:
            stream[0].ended(frame["id"], stream[1])
            return
        token = frame["result"]["token"]
        if token not in self.model.tokens:
            self.model.broken("gate", f"{socket.cid} got the reply {frame['id']} of {token}, which is not durable")
        if f"r{frame['id']}" in socket.seen:
            self.model.broken("once", f"{socket.cid} got the reply {frame['id']} twice")
        socket.seen.add(f"r{frame['id']}")

    def _news(self, socket: Socket, mark: dict[str, Any]) -> None:
        n, what, token = int(mark["n"]), str(mark["is"]), str(mark["token"])
        self.model.history.note("frame", f"{socket.cid} {what} {n}")
        if token not in self.model.tokens:
            self.model.broken("gate", f"{socket.cid} got {what} {n} {token}, which is not durable")
        born = self.model.tokens.get(token, 0)
        if born != socket.born:
            socket.born, socket.last = born, 0
        if (n < socket.last and socket.ordered) or f"{what} {token}" in socket.seen:
            self.model.broken("frame-order", f"{socket.cid} got {what} {n} after {socket.last}")
        socket.seen.add(f"{what} {token}")
        socket.last = max(n, socket.last)
