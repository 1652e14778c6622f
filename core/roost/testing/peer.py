"""The clients of a world: each a connection to an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic_core import from_json, to_json

from ..contract.address import Address
from ..contract.commit import Frame
from ..contract.errors import TransientError, from_problem
from ..sockets.protocol import Session


class Peer:
    """The client's end of a connection to an agent: what it was sent, what it says."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        """Everything received, parsed, oldest first; binary as bytes."""
        self.closed: tuple[int, str] | None = None
        self.session: Session | None = None
        self._calls: dict[str, asyncio.Future[Any]] = {}

    def send(self, data: Any, /) -> None:
        """Say something: text and bytes as they are, all else as JSON. The agent hears it in `on_message`."""
        assert self.session is not None
        if self.closed is not None:
            raise TransientError(f"this connection is closed: {self.closed[0]} {self.closed[1]}", code="closed")
        if isinstance(data, bytes):
            self.session.binary(data)
        else:
            self.session.text(data if isinstance(data, str) else to_json(data).decode())

    async def call(self, action: str, /, *args: Any) -> Any:
        """Call an action over this connection, as a browser does; its result. RoostError: it was refused."""
        id = f"call-{len(self._calls)}"
        future = self._calls[id] = asyncio.get_running_loop().create_future()
        self.send({"type": "rpc", "id": id, "method": action, "args": list(args)})
        return await future

    def send_text_bytes(self, data: bytes) -> None:
        self._received(from_json(data))

    def take(self, frame: Frame) -> None:
        try:
            self._received(frame.data if frame.binary else from_json(frame.data))
        except ValueError:
            self._received(frame.data.decode())

    def _received(self, data: Any) -> None:
        self.frames.append(data)
        frame = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
        future = self._calls.get(str(frame.get("id"))) if frame.get("type") == "rpc" else None
        if future is None or future.done():
            return
        if not frame.get("success", True):
            future.set_exception(from_problem(frame))
        elif frame.get("done", True):
            future.set_result(frame.get("result"))

    def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)
        for future in self._calls.values():
            if not future.done():
                future.set_exception(TransientError(f"the connection was closed: {code} {reason}", code="closed"))

    def pause(self) -> None:
        """Nothing to stop: frames are said one by one."""

    def resume(self) -> None:
        """Nothing was stopped."""

    @property
    def state(self) -> Any:
        """The state as last shown to this client."""
        return next((f["state"] for f in reversed(self.messages("cf_agent_state"))), None)

    def messages(self, type: str | None = None) -> list[Any]:
        """Frames of one type; None: the agent's own messages, which are of no protocol type."""
        own: set[Any] = {"cf_agent_identity", "cf_agent_state", "cf_agent_mcp_servers", "rpc"}
        kinds = [cast("dict[str, Any]", f).get("type") if isinstance(f, dict) else None for f in self.frames]
        if type is None:
            return [f for f, kind in zip(self.frames, kinds, strict=True) if kind not in own]
        return [f for f, kind in zip(self.frames, kinds, strict=True) if kind == type]


class WorldWire:
    """Fills the port `Wire` with the peers of a world."""

    def __init__(self) -> None:
        self.peers: dict[Address, dict[str, Peer]] = {}
        self.versions: dict[Address, int] = {}

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        group = self.peers.get(address, {})
        self.versions[address] = max(version, self.versions.get(address, 0))
        gone: list[str] = []
        for frame in frames:
            for cid in frame.to:
                if cid in group:
                    group[cid].take(frame)
                else:
                    gone.append(cid)
        return gone

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        peer = self.peers.get(address, {}).pop(cid, None)
        if peer is not None:
            peer.close(code, reason)
            if peer.session is not None:
                peer.session.closed(code, reason)

    def fall(self) -> None:
        """The host died: what its clients notice (RFC 6455, 7.4.1)."""
        for group in self.peers.values():
            for peer in group.values():
                peer.close(1006, "")

    def open(self, address: Address) -> Mapping[str, int] | None:
        return dict.fromkeys(self.peers.get(address, {}), self.versions.get(address, 0))
