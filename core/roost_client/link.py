"""The life of a connection under its sockets: open, read, write, lose, come back, end.

The server decides for good with close code 1008 or 4000 to 4999, or with a `roost_close` frame whose error
is not transient; the client with `close`. Any other loss is followed by a new socket, after a back-off that
starts anew once a socket has lived for 5 s. Nothing is sent before the server has named itself, since until
then it may refuse; numbers start at 1 on each socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State as SocketState

from roost.contract.errors import LimitExceeded, RoostError, TransientError

from .dial import Dial
from .faults import lost, timed_out
from .frames import TERMINAL, Identity, Inbound, Refusal, State, parse
from .outbox import Outbox
from .retry import Retries

SETTLED: Final = 5.0
"""Seconds a socket must live for the next back-off to start anew."""
PING: Final = 20.0
"""Seconds between our pings, and for the answer to one."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How a connection ended for good. `error` where the server said why."""

    code: int
    reason: str
    error: RoostError | None = None


class Link:
    """Keeps one logical connection over as many sockets as it takes.

    `receive` is given every frame and awaited before the next is read. `ended` is called once, at the end.
    """

    def __init__(
        self,
        dial: Dial,
        outbox: Outbox,
        receive: Callable[[Inbound], Awaitable[None]],
        ended: Callable[[Closed], None],
        *,
        retries: Retries,
        timeout: float | None,
    ) -> None:
        self._dial = dial
        self._outbox = outbox
        self._receive = receive
        self._ended = ended
        self._retries = retries
        self._timeout = timeout
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._own: Closed | None = None
        self._receiving = False
        self._heard = 0
        self._up: float | None = None
        self._over = asyncio.Event()
        self.closed: Closed | None = None

    async def open(self) -> None:
        """Return once the server has named itself and sent the state it has, or raise why it did not."""
        self._opened = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(self._opened))
        try:
            await asyncio.shield(self._opened)
        except BaseException:
            await self.close()
            raise

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close for good. What is in flight fails."""
        if self._own is None:
            self._own = Closed(code, reason)
        if self._task is None or self._task is asyncio.current_task():
            return
        if self._socket is not None:
            await self._socket.close(self._own.code, self._own.reason)
        self._task.cancel()
        await asyncio.wait([self._task])

    async def wait_closed(self) -> Closed:
        """Wait for the end."""
        await self._over.wait()
        assert self.closed is not None
        return self.closed

    async def _live(self, opened: asyncio.Future[None]) -> None:
        closed = Closed(1006, "cancelled")
        try:
            closed = await self._run(opened)
        except asyncio.CancelledError:
            closed = self._own or closed
        except RoostError as error:
            status = error.status if 400 <= error.status < 1000 else 500
            closed = Closed(TERMINAL + status, error.message, error)
        except Exception as error:
            closed = Closed(1006, "", RoostError(f"the client failed: {error!r}"))
            assert closed.error is not None
            closed.error.__cause__ = error
        finally:
            self.closed = closed
            failure = closed.error or lost(f"the connection is closed ({closed.code} {closed.reason})")
            self._outbox.fail(failure)
            if not opened.done():
                opened.set_exception(failure)
                opened.exception()  # seen, even if nobody waits any more
            self._ended(closed)
            self._over.set()

    async def _run(self, opened: asyncio.Future[None]) -> Closed:
        backoff = self._retries.backoff
        failures = 0
        while True:
            self._up = None
            try:
                end: Closed | TransientError = await self._session(opened)
            except TransientError as error:
                end = error
            if self._own is not None:
                return self._own
            if isinstance(end, Closed):
                return end
            self._outbox.lost(end)
            if not opened.done() and failures >= self._retries.count:
                raise end
            if self._up is not None and backoff.clock() - self._up >= SETTLED:
                failures = 0
            pause = backoff.delay(failures, end.retry_after)
            failures += 1
            await backoff.sleep(pause)

    async def _session(self, opened: asyncio.Future[None]) -> Closed | TransientError:
        """One socket, from its handshake to its end; returns what follows from that."""
        socket = await self._dial()
        if self._own is not None:
            await socket.close()
            return self._own
        self._socket = socket
        tasks = [asyncio.create_task(self._keep_alive(socket))]
        try:
            return await self._read(socket, tasks, opened)
        finally:
            self._socket = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await socket.close()

    async def _read(
        self, socket: ClientConnection, tasks: list[asyncio.Task[None]], opened: asyncio.Future[None]
    ) -> Closed | TransientError:
        loop = asyncio.get_running_loop()
        until = None if self._timeout is None else loop.time() + self._timeout
        identity: Identity | None = None
        has_state = False
        while True:
            try:
                async with asyncio.timeout_at(until):
                    raw = await socket.recv()
            except ConnectionClosed as error:
                return self._after(error)
            except TimeoutError:
                return timed_out(f"the server did not name itself within {self._timeout:g} s")
            self._heard += 1
            frame = parse(raw)
            if isinstance(frame, Refusal):
                if isinstance(frame.error, TransientError):
                    return frame.error
                return Closed(frame.code, frame.error.message, frame.error)
            self._receiving = True
            await self._receive(frame)
            self._receiving = False
            if len(tasks) == 1:
                identity = frame if isinstance(frame, Identity) else identity
                has_state = has_state or isinstance(frame, State)
                if identity is not None and (has_state or not identity.state_follows):
                    until = None
                    self._up = self._retries.backoff.clock()
                    tasks.append(asyncio.create_task(self._write(socket)))
                    if not opened.done():
                        opened.set_result(None)

    def _after(self, error: ConnectionClosed) -> Closed | TransientError:
        theirs, ours = error.rcvd, error.sent
        if ours is not None and ours.code == 1009 and not error.rcvd_then_sent:
            too_large = LimitExceeded("the server sent a frame too large", limit="message_out")
            return Closed(1009, ours.reason, too_large)
        if theirs is None:
            return lost("the connection was lost")
        if theirs.code == 1008 or TERMINAL <= theirs.code < TERMINAL + 1000:
            return Closed(theirs.code, theirs.reason)
        if theirs.code == 1009:  # sending it again would end the same way
            self._outbox.fail(LimitExceeded("a frame was too large", limit="message_in"), flying_only=True)
        return lost(f"the connection was lost ({theirs.code} {theirs.reason})".replace(" )", ")"))

    async def _write(self, socket: ClientConnection) -> None:
        seq = 0
        with suppress(ConnectionClosed):
            while True:
                await self._outbox.filled()
                if socket.state is not SocketState.OPEN:
                    return
                seq += 1
                exchange = self._outbox.take(seq)
                await socket.send(exchange.frame.payload(seq))
                if exchange.kind == "message":
                    self._outbox.done(exchange)
                    exchange.settle(None)

    async def _keep_alive(self, socket: ClientConnection) -> None:
        """Give up a socket that hears nothing, unless it is we who don't listen."""
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING)
                heard = self._heard
                pong = await socket.ping()
                try:
                    async with asyncio.timeout(PING):
                        await asyncio.shield(pong)
                except TimeoutError:
                    if not self._receiving and heard == self._heard:
                        socket.transport.abort()
                        return
