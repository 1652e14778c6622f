"""What a connection may cost before its request is known: the protocol of HTTP connections, with bounds.

uvicorn bounds neither heads nor waits. Here a head has at most so many bytes and headers and so many seconds, a body
must go on, an answer must be read, and connections stay below the limit of open files; when there is no room, whoever
has not asked for anything yet goes first. `Watch` looks at the connections that are in the middle of something; a
request that comes in one piece, as nearly all do, is never among them. If that is a call it goes past ASGI (direct.py).
"""

from __future__ import annotations

import asyncio
import logging
import resource
from asyncio import AbstractEventLoop
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from roost.contract.errors import Rejected, RoostError, TransientError
from roost_http.answer import as_problem

from .cycle import Cycle
from .direct import Direct
from .watch import Watch

if TYPE_CHECKING:
    from uvicorn import Config
    from uvicorn.server import ServerState

    from roost_http.call import Calls

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


def intake_class(terms: Terms, calls: Calls | None = None) -> type[Intake]:
    """A class for `uvicorn.Config(http=...)`. `calls`: what answers calls past the application, as it would."""
    given, past = terms, calls

    class BoundIntake(Intake):
        terms = given
        watch = None
        calls = past

    return BoundIntake


class Intake(HttpToolsProtocol):
    """One connection. Subclassed by `intake_class`."""

    terms: ClassVar[Terms]
    watch: ClassVar[Watch | None]
    calls: ClassVar[Calls | None] = None

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
        self._content: list[bytes] | None = None  # not None: the request may be a call; what has come of its body
        if self.access_log or self.root_path or self.limit_concurrency is not None:
            self._past = None
        else:
            self._past = self.calls

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
        if self._content is not None:  # its end is yet to come
            self._through_app()
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
        self.url, self.headers, self.expect_100_continue = b"", [], False

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
        if self._past is not None and self._may_be_call(self._past):
            self._content = []
        else:
            self._through_app()

    def _may_be_call(self, calls: Calls) -> bool:
        """Whether, if the rest of it is here too, it can go past the application; nobody waits before it."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        parser: Any = self.parser
        return (
            (cycle is None or cycle.response_complete) and not self.flow.write_paused
            and calls.takes(self.url) and parser.get_method() == b"POST" and parser.get_http_version() == "1.1"
            and parser.should_keep_alive() and not parser.should_upgrade() and not self.expect_100_continue
        )  # fmt: skip

    def _through_app(self) -> None:
        """The request that has begun goes the way of all others: a task, and ASGI."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        HttpToolsProtocol.on_message_begin(self)  # makes the scope
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        before = self.cycle
        HttpToolsProtocol.on_headers_complete(self)
        if self.cycle is not before:  # made by uvicorn, whose class is not ours to choose; its task has not begun
            self.cycle.__class__ = Cycle
        content, self._content = self._content, None
        for part in content or ():
            HttpToolsProtocol.on_body(self, part)

    def on_body(self, body: bytes) -> None:
        if self._content is not None:
            self._moved = True
            self._got += len(body)
            self._content.append(body)
        elif self._dropped is None:
            if not self.cycle.response_complete:
                self._moved = True
            self._got += len(body)
            HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._inside, self._moved = False, True
        if self._content is not None:
            if self._called(b"".join(self._content)):
                return
            self._through_app()
        if self._dropped is None:
            HttpToolsProtocol.on_message_complete(self)

    def _called(self, content: bytes) -> bool:
        """The request is whole: whether it was a call, which is under way or answered now."""
        assert self._past is not None
        direct = Direct(self)
        before, self.cycle = self.cycle, cast("RequestResponseCycle", direct)
        if self._past.at_once(self.headers, self.url, content, direct.answer):
            self._content = None
            return True
        self.cycle = before
        return False

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
