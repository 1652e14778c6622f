"""The reading half of a connection: bytes in, messages out, and the end of it.

Three places decide how a connection ends: `Socket.close` (we want to), `_ending` (the peer said so, or broke
the rules) and `beat` (it fell silent). Each sets the verdict; only `connection_lost` reports it, because the
loop calls that exactly once. After breaking the rules a peer may still be sending; closing at once would make
the kernel answer with a reset that destroys our close frame on its way, so we half-close and drop what comes
until the peer is gone or `close_timeout` has passed.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Task
from collections import deque

from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from .socket import Handshake, Listener, Receiver, Socket

try:
    from websockets.speedups import apply_mask
except ImportError:  # not built for this platform
    from websockets.utils import apply_mask

log = logging.getLogger("roost.socket")

_PING = b"\x89\x00"
_SHORT = 125
"""Bytes of payload whose length stands in the second byte of a frame."""
_GONE = Close(CloseCode.ABNORMAL_CLOSURE, "")


def _length(payload: int) -> int:
    """Bytes of a frame from a client, its length written as short as it can be."""
    return payload + (6 if payload <= _SHORT else 8 if payload < 0x10000 else 14)


class Stream(Socket, asyncio.Protocol):
    """A connection after its handshake, as the transport knows it."""

    __slots__ = (
        "_alive",
        "_behind",
        "_full",
        "_held",
        "_held_bytes",
        "_lost",
        "_opening",
        "_part",
        "_part_text",
        "_short",
    )

    def __init__(self, listener: Listener, transport: asyncio.Transport) -> None:
        # Not the protocol that read the handshake: that one keeps the request alive.
        protocol = ServerProtocol(state=State.OPEN, max_size=listener.limits.max_message, logger=log)
        super().__init__(listener, protocol, transport)
        self._alive = True
        self._opening = True
        self._lost = False
        self._held: deque[str | bytes] | None = deque()  # not None: messages queue up here
        self._held_bytes = 0
        self._full = False  # enough is held back: nothing more is read until the endpoint has opened
        self._part: bytearray | None = None  # of a fragmented message; a list would grow with empty fragments
        self._part_text = False
        self._behind = 0  # bytes that the library has of a frame that is not whole; too many if one's length was longer
        self._short = min(_SHORT, listener.limits.max_message)
        # The transport counts what it buffers: `pause_writing` costs nothing as long as the peer reads.
        transport.set_write_buffer_limits(high=listener.limits.max_buffer)

    def begin(self, handshake: Handshake) -> None:
        """The 101 is sent: let the endpoint in."""
        listener = self._listener
        listener.connections.add(self)
        listener.pulse.add(self)
        task = listener.loop.create_task(listener.endpoint.open(handshake, self))
        listener.tasks.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: Task[None]) -> None:
        self._listener.tasks.discard(task)
        self._opening = False
        self._drained()
        if task.cancelled():
            self.shutdown()
        elif (error := task.exception()) is not None:
            log.error("opening a connection failed", exc_info=error)
            self.close(CloseCode.INTERNAL_ERROR)
        elif self.receiver is None and not self.closing:
            log.error("the endpoint neither received nor closed a connection")
            self.close(CloseCode.INTERNAL_ERROR)
        if self._lost:
            self._report()
        else:
            self._release()

    # Reading

    def data_received(self, data: bytes) -> None:
        self._alive = True
        size = len(data) - 6
        if (
            0 <= size <= self._short and data[0] == 0x81 and data[1] == 0x80 | size
            and not self._behind and self._part is None and self._verdict is None
        ):  # one whole short text, as nearly all that comes is: what the library would make of it  # fmt: skip
            try:
                message = apply_mask(data[6:], data[2:6]).decode()
            except UnicodeDecodeError:
                pass  # the way of all others refuses it
            else:
                if self._held is None:
                    self._deliver(message)
                else:
                    self._hold(self._held, message, size)
                return
        protocol = self._protocol
        protocol.receive_data(data)
        self._behind += len(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._behind -= _length(len(event.data))
                if event.opcode < Opcode.CLOSE and self._verdict is None:
                    self._frame(event)
        if protocol.state is not State.OPEN:
            self._ending()
        elif output := protocol.data_to_send():  # pongs
            self._transport.write(b"".join(output))

    def _frame(self, frame: Frame) -> None:
        data = bytes(frame.data)
        is_text = frame.opcode is Opcode.TEXT
        if not frame.fin or frame.opcode is Opcode.CONT:
            if self._part is None:
                self._part, self._part_text = bytearray(), is_text
            self._part += data
            if not frame.fin:
                return
            data, is_text, self._part = bytes(self._part), self._part_text, None
        try:
            message = data.decode() if is_text else data
        except UnicodeDecodeError:
            self._verdict = (CloseCode.INVALID_DATA, "text is not UTF-8")
            self._protocol.fail(*self._verdict)
            self._linger()
            return
        self._message(message, len(data))

    def _message(self, message: str | bytes, size: int) -> None:
        if self._held is None:
            self._deliver(message)
        else:
            self._hold(self._held, message, size)

    def _hold(self, held: deque[str | bytes], message: str | bytes, size: int) -> None:
        limits = self._listener.limits
        held.append(message)
        self._held_bytes += size
        if self._opening and (len(held) > limits.held_messages or self._held_bytes > limits.held_bytes):
            self._full = True
            if self._verdict is None and not self._transport.is_closing():
                self._transport.pause_reading()

    def _drained(self) -> None:
        if self._full:
            self._full = False
            if not self._paused and not self._transport.is_closing():
                self._transport.resume_reading()

    def _deliver(self, message: str | bytes) -> None:
        receiver = self.receiver
        if receiver is None:
            return
        try:
            if isinstance(message, str):
                receiver.text(message)
            else:
                receiver.binary(message)
        except Exception:
            log.exception("a receiver failed")
            self.close(CloseCode.INTERNAL_ERROR)

    def _release(self) -> None:
        """Deliver what was held back, as far as the receiver wants it."""
        while self._held and not self._paused and not self._opening:
            self._deliver(self._held.popleft())
        if not self._paused and not self._opening:
            self._held, self._held_bytes = None, 0

    def pause(self) -> None:
        super().pause()
        if self._paused and self._held is None:  # one read may bring many messages: the rest of them waits
            self._held = deque()

    def resume(self) -> None:
        if self._paused and self._full:
            self._paused = False  # reading goes on when what is held back is delivered
        elif self._paused:
            super().resume()
            self._alive = True
            if self._held is not None:  # from the loop: a receiver may call this from within a delivery
                self._listener.loop.call_soon(self._release)

    # Ending

    def close(self, code: int = 1000, reason: str = "") -> None:
        super().close(code, reason)
        self._drained()
        if self._held is not None and self._verdict is not None:
            self._held.clear()

    def _ending(self) -> None:
        """The library closed or is closing: the peer's close frame came, or a frame against the rules."""
        protocol, transport = self._protocol, self._transport
        output = protocol.data_to_send()
        failed = protocol.parser_exc is not None or protocol.close_rcvd is None
        if self._verdict is None:
            close = (protocol.close_sent if failed else protocol.close_rcvd) or _GONE
            self._verdict = (close.code, close.reason)
            self._linger()
        if not output or transport.is_closing():
            return
        transport.write(b"".join(output))
        if output[-1] == SEND_EOF:
            if not failed:
                transport.close()
            elif transport.can_write_eof():
                transport.write_eof()

    def pause_writing(self) -> None:
        """The peer left more than `max_buffer` unread."""
        self.close(CloseCode.TRY_AGAIN_LATER, "too slow")

    def beat(self) -> None:
        """See Pulse."""
        if self._verdict is not None or self._paused or self._full:
            return
        if self._alive:
            self._alive = False
            self._transport.write(_PING)
        else:
            self._verdict = (CloseCode.ABNORMAL_CLOSURE, "no answer to a ping")
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn: the server is stopping."""
        self.close(CloseCode.SERVICE_RESTART, "the server is stopping")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._verdict = self._verdict or (_GONE.code, _GONE.reason)
        if self._timer is not None:
            self._timer.cancel()
        self._listener.connections.discard(self)
        self._listener.pulse.discard(self)
        if not self._opening:
            self._report()

    def _report(self) -> None:
        """The last messages, even of a paused connection, then the verdict."""
        while self._held:
            self._deliver(self._held.popleft())
        receiver: Receiver | None = self.receiver
        self.receiver = None
        if receiver is not None and self._verdict is not None:
            code, reason = self._verdict
            try:
                receiver.closed(int(code), reason)
            except Exception:
                log.exception("a receiver failed")
