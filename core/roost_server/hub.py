"""The local wire: the open sockets of every agent. They stay open while the agent sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from roost.contract.address import Address
from roost.contract.commit import Frame
from roost.protocol.frames import wrapped

from .socket import SHORT_TEXT, binary_frame, text_frame


class Outlet(Protocol):
    """The writing half of an open connection: a `Socket`, or what an emulated gateway puts before it."""

    def send_text_bytes(self, data: bytes) -> None: ...
    def write(self, frame: bytes) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Group:
    """The open connections of one agent."""

    __slots__ = ("sockets", "version")

    def __init__(self) -> None:
        self.sockets: dict[str, Outlet] = {}
        self.version = 0
        """The agent's last version released to them."""


class Hub:
    """Fills the port `Wire`. Sends are synchronous: frames leave in the order of their release."""

    def __init__(self, *, binary: bool = True) -> None:
        self._encoded = encoded if binary else encoded_as_text
        self._groups: dict[Address, Group] = {}
        self.count = 0

    def add(self, address: Address, cid: str, socket: Outlet) -> None:
        group = self._groups.get(address)
        if group is None:
            group = self._groups[address] = Group()
        group.sockets[cid] = socket
        self.count += 1

    def discard(self, address: Address, cid: str) -> None:
        group = self._groups.get(address)
        if group is not None and group.sockets.pop(cid, None) is not None:
            self.count -= 1
            if not group.sockets:
                del self._groups[address]

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        group = self._groups.get(address)
        if group is None:
            return [cid for frame in frames for cid in frame.to]
        if version > group.version:
            group.version = version
        if len(frames) == 1 and len(frames[0].to) == 1:  # the ordinary reply
            socket = group.sockets.get(frames[0].to[0])
            if socket is None:
                return frames[0].to
            socket.write(self._encoded(frames[0]))
            return ()
        return _send_many(group.sockets, frames, self._encoded)

    async def close(self, address: Address, cid: str, code: int, reason: str) -> None:
        group = self._groups.get(address)
        if group is not None and cid in group.sockets:
            group.sockets[cid].close(code, reason)

    def close_all(self, code: int, reason: str) -> None:
        """Of every agent: whoever runs them is over."""
        for group in list(self._groups.values()):
            for socket in list(group.sockets.values()):
                socket.close(code, reason)

    def open(self, address: Address) -> Mapping[str, int] | None:
        group = self._groups.get(address)
        return {} if group is None else dict.fromkeys(group.sockets, group.version)


def encoded(frame: Frame) -> bytes:
    """The frame as it goes over the wire."""
    data = frame.data
    if frame.binary:
        return binary_frame(data)
    return SHORT_TEXT[size] + data if (size := len(data)) < 126 else text_frame(data)


def encoded_as_text(frame: Frame) -> bytes:
    """The same over a wire without binary frames."""
    return text_frame(wrapped(frame.data) if frame.binary else frame.data)


def _send_many(sockets: Mapping[str, Outlet], frames: Sequence[Frame], encode: Callable[[Frame], bytes]) -> list[str]:
    """One write a socket: each write is a system call, and those are what a release costs most."""
    gone: list[str] = []
    batches: dict[str, bytes] = {}
    for frame in frames:
        raw = encode(frame)
        for cid in frame.to:
            before = batches.get(cid)
            batches[cid] = raw if before is None else before + raw
    for cid, raw in batches.items():
        socket = sockets.get(cid)
        if socket is None:
            gone.append(cid)
        else:
            socket.write(raw)
    return gone
