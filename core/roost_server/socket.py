"""The socket an agent's connection is held by, and what the server asks of the code behind it.

Agent routes do not go through ASGI: there a connection costs a task, a queue and several dictionaries for
its whole life, and a frame a trip through all of them. Here a connection is one slotted object fed by
callbacks, and nothing of ours runs while it is idle. `Socket` is the half that writes and closes, `Stream`
(stream.py) the half that reads, `Upgrade` (upgrade.py) the handshake before both.

Reading is the library's `ServerProtocol`, but for one whole short text in one piece, which is nearly all that
comes: there it was a tenth of what a call costs. Writing is our own: a server's frames are
unmasked and we never fragment, so a frame is a header and the payload.
"""

from __future__ import annotations

import struct
from asyncio import AbstractEventLoop, Task, TimerHandle, Transport
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from websockets.frames import EXTERNAL_CLOSE_CODES
from websockets.protocol import State

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

    from .pulse import Pulse

SHORT_TEXT: Final = tuple(bytes((0x81, size)) for size in range(126))
"""Heads of text frames, by the bytes of their payload."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """The request that opened a connection, as the peer sent it."""

    path: str
    """Raw: percent-encoded, without the query."""
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case, in the order sent."""
    client: str
    """The peer's IP, or what a named proxy says it is; "" on a Unix socket."""
    scheme: str
    """"ws" or "wss"."""


class Receiver(Protocol):
    """What hears a connection. Called from the event loop; must not block.

    A receiver that raises costs its connection (1011), not the server."""

    def text(self, data: str) -> None: ...

    def binary(self, data: bytes) -> None: ...

    def closed(self, code: int, reason: str) -> None:
        """Once, last, after the transport is gone. `code` is that of whoever closed first: the peer's (1005
        if it gave none) or ours; 1006 if the peer just went away."""


class Endpoint(Protocol):
    """What the server asks about connections."""

    def claims(self, path: str) -> bool:
        """False: this raw path is not an agent's; the app's web side gets the connection, through ASGI."""
        ...

    async def open(self, handshake: Handshake, socket: Socket) -> None:
        """Runs as a task once the 101 is sent. Sets `socket.receiver`, or closes the socket. Frames that
        come in before it returns are held back and delivered, in order, when it has."""


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one connection may cost. Sizes are bytes, times seconds."""

    max_message: int = 32 * 1024
    """A longer message closes 1009."""
    max_buffer: int = 4 * 1024 * 1024
    """A peer that leaves more than this unread closes 1013."""
    ping_interval: float | None = 20.0
    """Also how long a peer may be silent after a ping. None: no pings."""
    close_timeout: float = 5.0
    """How long the peer may take to answer a close."""
    held_messages: int = 64
    held_bytes: int = 256 * 1024
    """Once this much came in before `open` has returned, no more is read until it has: the peer's sends back up."""

    def __post_init__(self) -> None:
        if not 0 < self.max_message <= 16 * 1024 * 1024:
            raise ValueError(f"max_message={self.max_message!r}: 1 byte to 16 MiB")


@dataclass(slots=True, eq=False)
class Listener:
    """What all connections of one server share."""

    endpoint: Endpoint
    limits: SocketLimits
    pulse: Pulse
    loop: AbstractEventLoop
    connections: set[object]
    """uvicorn's: it calls `shutdown()` on each when the server stops, and waits until they are gone."""
    tasks: set[Task[None]]
    """uvicorn's too: it waits for these, then cancels them."""


def text_frame(data: bytes) -> bytes:
    """The frame of a text message. For a fan-out: made once, then `socket.write(frame)` on each socket."""
    size = len(data)
    if size < 126:
        return SHORT_TEXT[size] + data
    return _long_frame(0x81, size) + data


def binary_frame(data: bytes) -> bytes:
    """The frame of a binary message."""
    size = len(data)
    return (bytes((0x82, size)) if size < 126 else _long_frame(0x82, size)) + data


def _long_frame(head: int, size: int) -> bytes:
    return struct.pack("!BBH", head, 126, size) if size < 0x10000 else struct.pack("!BBQ", head, 127, size)


class Socket:
    """One open connection. Everything here is synchronous and returns at once; once the connection is closing
    it does nothing."""

    __slots__ = ("_listener", "_paused", "_protocol", "_timer", "_transport", "_verdict", "receiver")

    receiver: Receiver | None

    def __init__(self, listener: Listener, protocol: ServerProtocol, transport: Transport) -> None:
        self.receiver = None
        self._listener = listener
        self._protocol = protocol
        self._transport = transport
        self._verdict: tuple[int, str] | None = None  # who closed first and why; set when closing begins
        self._timer: TimerHandle | None = None
        self._paused = False

    def send(self, frame: str | bytes) -> None:
        """Send a message: text if `str`, binary if `bytes`."""
        if self._verdict is None:
            data = text_frame(frame.encode()) if isinstance(frame, str) else binary_frame(frame)
            self._transport.write(data)

    def send_text_bytes(self, data: bytes) -> None:
        """Send a text message that is UTF-8 already (it is not checked)."""
        if self._verdict is None:
            self._transport.write(text_frame(data))

    def write(self, frame: bytes) -> None:
        """Send what `text_frame` or `binary_frame` made."""
        if self._verdict is None:
            self._transport.write(frame)

    @property
    def buffered(self) -> int:
        """Bytes the peer has not taken yet."""
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    @property
    def closing(self) -> bool:
        """True once either side began to close, or the peer is gone."""
        return self._verdict is not None

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the closing handshake; what was sent before still goes out. Frames of the peer are dropped
        from here on. ValueError: a code no one may send (1005, 1006, ...). A reason is cut at 123 bytes."""
        if code not in EXTERNAL_CLOSE_CODES and not 3000 <= code < 5000:
            raise ValueError(f"close({code}): 1000-1003, 1007-1014 or 3000-4999")
        if self._verdict is not None:
            return
        reason = reason.encode()[:123].decode(errors="ignore")
        self._verdict = (code, reason)
        if self._protocol.state is State.OPEN:  # else the peer's close came in the same read
            self._protocol.send_close(code, reason)
            self._transport.write(b"".join(self._protocol.data_to_send()))
        self._linger()

    def pause(self) -> None:
        """Stop reading: no message is delivered until `resume`, and the peer's sends back up. A peer that
        closes or vanishes meanwhile is noticed after `resume` only."""
        if not self._paused and self._verdict is None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _linger(self) -> None:
        """Bound the wait for the peer, which may neither answer nor read."""
        self.resume()
        seconds = self._listener.limits.close_timeout
        self._timer = self._listener.loop.call_later(seconds, self._transport.abort)
