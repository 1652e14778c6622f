"""What a connection may cost before its request is known: the protocol of HTTP connections, with bounds.

uvicorn bounds neither heads nor waits. Here a head has at most so many bytes and headers and so many seconds, a body
must go on, an answer must be read, and connections stay below the limit of open files; when there is no room, whoever
has not asked for anything yet goes first. One timer looks at the connections that are in the middle of something;
a request that comes in one piece, as nearly all do, is never among them.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from asyncio import AbstractEventLoop, TimerHandle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from roost.contract.errors import Rejected, RoostError, TransientError
from roost_http.answer import as_problem

from .cycle import Cycle

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

log = logging.getLogger("roost.server")
LINGER: Final = 1.0
"""Seconds in which a refused peer may read why; closing at once would have the kernel destroy the answer."""
DROPPED: Final = 1 << 20
"""Bytes of it that are read and dropped meanwhile."""
DRAINED: Final = 16 << 20
"""Bytes taken in of a body that was refused unread: a client that is still sending would never see why."""
RESERVE: Final = 32
"""Files for all but connections, at least."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Sizes are bytes, times seconds."""

    head: int = 64 * 1024
    """Of a request's line and headers; of all that is sent without any progress, too (chunk extensions, trailers)."""
    headers: int = 100
    head_timeout: float = 10.0
    """From the first byte of a head, or from the connection, to the end of the head."""
    body_timeout: float = 30.0
    """In which a body that is waited for ends, or goes on by at least `rate` for so long."""
    stall_timeout: float = 60.0
    """In which an answer is read, or at least `rate` for so long of it."""
    rate: int = 512
    """Bytes a second. Without it a byte now and then would keep a connection, and what its request holds, for hours."""
    connections: int | None = None
    """None: as the limit of open files allows."""

    def most(self) -> int:
        """Connections at once."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        room = files - self.reserve() if files != resource.RLIM_INFINITY else 1 << 20
        return max(1, room if self.connections is None else min(room, self.connections))

    @staticmethod
    def reserve() -> int:
        """Files kept for all but connections: also how many may wait to be accepted, for they come all at once."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return 1 << 20 if files == resource.RLIM_INFINITY else max(RESERVE, files // 8)


def intake_class(terms: Terms) -> type[Intake]:
    """A class for `uvicorn.Config(http=...)`."""
    given = terms

    class BoundIntake(Intake):
        terms = given
        watch = None

    return BoundIntake


class Watch:
    """The connections of one server that are in the middle of something, and until when they may be."""

    def __init__(self, loop: AbstractEventLoop, terms: Terms) -> None:
        self.loop = loop
        self.most = terms.most()
        self.waiting: dict[Intake, float] = {}
        """Heads and bodies that are under way, the oldest first."""
        self.stalled: dict[Intake, float] = {}
        """Answers that are not read."""
        self.resting: dict[Intake, float] = {}
        """Connections between two requests: a dictionary, where a timer for each answer would cost more than it."""
        self.dying = 0
        """Connections that were cut and are still counted."""
        self._pause = min(terms.head_timeout, terms.body_timeout, terms.stall_timeout) / 10
        self._timer: TimerHandle | None = None
        self._said = False

    def until(self, who: Intake, seconds: float) -> None:
        """`who` has so long."""
        self.waiting[who] = self.loop.time() + seconds
        self.start()

    def start(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._pause, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        for held, over in ((self.waiting, Intake.late), (self.stalled, Intake.unread), (self.resting, Intake.rested)):
            for who in [who for who, edge in held.items() if edge <= now]:
                over(who)
        again = self.waiting or self.stalled or self.resting
        self._timer = self.loop.call_later(self._pause, self._look) if again else None

    def room(self, open: int) -> bool:
        """Whether one more connection has room; makes some at the cost of one that has asked for nothing."""
        if open - self.dying < self.most:
            self._said = self._said and open - self.dying > self.most * 0.9
            return True
        if not self._said:
            self._said = True
            log.warning(
                "%d connections are open, which is the limit (ulimit -n): silent ones are closed, more are refused",
                self.most,
            )
        for oldest in [who for who in self.waiting if who.idle]:
            oldest.cut()
            if open - self.dying < self.most:
                return True
        return False


class Intake(HttpToolsProtocol):
    """One connection. Subclassed by `intake_class`."""

    terms: ClassVar[Terms]
    watch: ClassVar[Watch | None]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._inside = False  # between the begin of a request and its end
        self._headed = False  # its head is complete
        self._moved = False  # in the last bytes, something came to an end or a body went on
        self._silent = 0  # bytes since then
        self._taken = 0  # bytes that the head at hand can have
        self._timed = False  # its body has begun to be waited for
        self._got = 0  # bytes of it since then, or since there were enough
        self._dropped: int | None = None  # not None: refused, and what still comes is dropped
        self._dying = False
        self._buffered = 0

    # uvicorn's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        watch = self._shared()
        room = watch.room(len(self.connections))
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it
        if room:
            watch.until(self, self.terms.head_timeout)
        else:
            self._refuse(TransientError("this server has as many connections as it may", code="full"))

    def connection_lost(self, exc: Exception | None) -> None:
        watch = self._shared()
        watch.waiting.pop(self, None)
        watch.stalled.pop(self, None)
        watch.resting.pop(self, None)
        if self._dying:
            watch.dying -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._dropped is not None:
            self._drop(len(data))
            return
        watch = self._shared()
        watch.resting.pop(self, None)
        self._moved = False
        self._taken = self._silent + len(data)
        HttpToolsProtocol.data_received(self, data)  # named, here and below: super() costs more than what it calls
        if self._moved:
            self._silent = 0
            if not self._inside:
                watch.waiting.pop(self, None)
            elif not self.refused:
                self._wait()
            return
        self._silent = self._taken
        if self.refused or self.transport.is_closing():
            return
        if self._inside and self._headed and self.cycle.response_complete:  # a body that was refused unread
            if self._silent > DRAINED:
                self.cut()
                return
        elif self._silent > self.terms.head:
            self._refuse(self._too_large())
            return
        if self not in self._shared().waiting:
            self._wait()

    def _wait(self) -> None:
        """For the rest of the head, or for the body to go on as fast as it must."""
        if not self._headed:
            self._shared().until(self, self.terms.head_timeout)
        elif not self._timed or self._got >= self.terms.rate * self.terms.body_timeout:
            self._timed, self._got = True, 0
            self._shared().until(self, self.terms.body_timeout)

    def handle_websocket_upgrade(self) -> None:
        if self._dropped is None:
            self._shared().waiting.pop(self, None)
            self._moved, self._inside = True, False
            super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        self._inside, self._headed, self._timed = True, False, False
        HttpToolsProtocol.on_message_begin(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._headed:  # a trailer, which nobody here reads
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._headed = True
        if self._dropped is not None:
            return
        if len(self.headers) > self.terms.headers or (
            self._taken > self.terms.head and self._head_size() > self.terms.head
        ):
            self._refuse(self._too_large())
            return
        self._moved = True
        before = self.cycle
        HttpToolsProtocol.on_headers_complete(self)
        if self.cycle is not before:  # made by uvicorn, whose class is not ours to choose; its task has not begun
            self.cycle.__class__ = Cycle

    def on_body(self, body: bytes) -> None:
        if self._dropped is None:
            if not self.cycle.response_complete:
                self._moved = True
            self._got += len(body)
            HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._inside, self._moved = False, True
        if self._dropped is None:
            HttpToolsProtocol.on_message_complete(self)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            watch = self._shared()
            watch.resting[self] = watch.loop.time() + self.timeout_keep_alive
            watch.start()

    def pause_writing(self) -> None:
        super().pause_writing()
        watch = self._shared()
        self._buffered = self.transport.get_write_buffer_size()
        watch.stalled[self] = watch.loop.time() + self.terms.stall_timeout
        watch.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._shared().stalled.pop(self, None)

    # What Watch asks and says

    @property
    def refused(self) -> bool:
        """It has its answer, and is not listened to any more."""
        return self._dropped is not None

    @property
    def idle(self) -> bool:
        """It waits for a request that is not there yet."""
        return not self._headed or not self._inside

    def late(self) -> None:
        """Its time is over."""
        if self._inside and self._headed and not self.cycle.response_complete:
            if self.flow.read_paused or self.cycle.waiting_for_100_continue:  # it is we who don't read
                self._got = 0
                self._shared().until(self, self.terms.body_timeout)
                return
            wait = f"less than {self.terms.rate} bytes a second of the body came in {self.terms.body_timeout:g} s"
            self._refuse(Rejected(wait, code="body-timeout", status=408))
        elif self._inside and not self._headed and self._dropped is None:
            wait = f"the head of the request did not come within {self.terms.head_timeout:g} s"
            self._refuse(Rejected(wait, code="head-timeout", status=408))
        else:
            self.cut()

    def rested(self) -> None:
        """No other request came."""
        self._shared().resting.pop(self, None)
        self.timeout_keep_alive_handler()

    def unread(self) -> None:
        """Of its answer little was read for too long."""
        size = self.transport.get_write_buffer_size()
        if size > self._buffered - self.terms.rate * self.terms.stall_timeout:
            self.cut()
            return
        self._buffered = size
        self._shared().stalled[self] = self._shared().loop.time() + self.terms.stall_timeout

    def cut(self) -> None:
        """End it now."""
        watch = self._shared()
        watch.waiting.pop(self, None)
        watch.stalled.pop(self, None)
        watch.resting.pop(self, None)
        if not self._dying:
            self._dying = True
            watch.dying += 1
        self.transport.abort()

    def room(self, open: int) -> bool:
        """Whether there is room for this connection, which is not made yet, besides so many."""
        return self._shared().room(open)

    # Refusing

    def _refuse(self, error: RoostError) -> None:
        """Answer and end; nothing more of it is read. In the middle of another answer: just end."""
        self._dropped = 0
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if cycle is not None and not cycle.response_complete:
            started, cycle.disconnected = cycle.response_started, True
            cycle.message_event.set()
            if started:
                self.cut()
                return
        answer = as_problem(error)
        head = [STATUS_LINE[answer.status]]
        for name, value in (
            *answer.headers, (b"content-length", b"%d" % len(answer.body)), (b"connection", b"close"),
            *self.server_state.default_headers,
        ):  # fmt: skip
            head += [name, b": ", value, b"\r\n"]
        self.transport.write(b"".join([*head, b"\r\n", answer.body]))
        self._inside = False
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._shared().until(self, LINGER)

    def _drop(self, size: int) -> None:
        assert self._dropped is not None
        self._dropped += size
        if self._dropped > DROPPED:
            self.cut()

    def _too_large(self) -> Rejected:
        most = f"at most {self.terms.head} bytes and {self.terms.headers} headers"
        return Rejected(f"the head of the request is too large: {most}", code="head-too-large", status=431)

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _shared(self) -> Watch:
        """One for each server."""
        cls = type(self)
        if cls.watch is None or cls.watch.loop is not self.loop:
            cls.watch = Watch(self.loop, self.terms)
        return cls.watch
