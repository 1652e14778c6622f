"""A WebSocket to one agent: calls, messages and state, over a link that comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from roost.contract.errors import RoostError

from .dial import Dial
from .faults import lost, timed_out
from .flow import Flow
from .frames import Identity, State, call_frame, message_frame, state_frame
from .inbound import InboundQueues
from .link import Closed, Link
from .outbox import Exchange, Outbox
from .retry import Retries
from .stream import Finish, Stream

T = TypeVar("T")


class Connection:
    """Open it with `async with handle.connect() as conn:`. Times are in seconds.

    Messages wait in a queue of 1,000 for `messages()`; when it is full, reading from the socket pauses until
    some are taken, and answers to calls wait as well. Who doesn't read messages says `connect(listen=False)`.
    """

    def __init__(self, dial: Dial, *, numbered: bool, listen: bool, retries: Retries, timeout: float | None) -> None:
        self._numbered = numbered
        self._retries = retries
        self._timeout = timeout
        self._outbox = Outbox()
        self._inbound = InboundQueues(self._outbox, listen=listen)
        self._link = Link(
            dial, self._outbox, self._inbound.receive, self._inbound.end, retries=retries, timeout=timeout
        )

    async def __aenter__(self) -> Self:
        await self._link.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def identity(self) -> Identity:
        """The agent at the other end: `name` is its key, `agent` its kind."""
        if self._inbound.identity is None:
            raise RuntimeError("the connection is not open: use `async with handle.connect() as conn`")
        return self._inbound.identity

    @property
    def state(self) -> Any:
        """The newest state the agent has sent, or accepted from us; None before there is one."""
        return None if self._inbound.state is None else self._inbound.state.state

    @property
    def closed(self) -> Closed | None:
        """How the connection ended; None while it lives, also between two sockets."""
        return self._link.closed

    async def wait_closed(self) -> Closed:
        """Wait for the end of the connection."""
        return await self._link.wait_closed()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close for good. What is in flight fails; messages already here can be read."""
        self._inbound.end(Closed(code, reason))  # first: a reader that lags must not hold up the closing
        self._outbox.fail(lost("the connection was closed by this client"))
        await self._link.close(code, reason)

    async def call(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call an action. With a key the call survives the loss of a socket: it is sent again."""
        return await self.call_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)

    async def call_with(
        self,
        action: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """`call`, for arguments of any name."""
        key = self._retries.key(idempotency_key)

        async def attempt() -> Any:
            id = uuid4().hex
            frame = call_frame(id, action, args, kwargs or {}, key, numbered=self._numbered)
            return await self._answer(Exchange("call", frame, id=id, repeatable=key is not None))

        return await self._run(attempt, action, timeout, repeatable=key is not None)

    def stream(
        self,
        action: str,
        /,
        *args: Any,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **kwargs: Any,
    ) -> Stream:
        """Chunks of a streaming action. `timeout` bounds the wait for each. A lost socket ends it."""
        return self.stream_with(action, args, kwargs, idempotency_key=idempotency_key, timeout=timeout)

    def stream_with(
        self,
        action: str,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """`stream`, for arguments of any name."""

        def run(finish: Finish) -> AsyncGenerator[Any, None]:
            return self._chunks(action, args, kwargs or {}, idempotency_key, timeout, finish)

        return Stream(run)

    async def send(self, data: Any, /, *, timeout: float | None = None) -> None:
        """Send a message: text, bytes, anything JSON can hold. Returns once the socket has it."""
        frame = message_frame(data, numbered=self._numbered)
        await self._run(lambda: self._answer(Exchange("message", frame)), "send", timeout)

    def messages(self) -> AsyncIterator[Any]:
        """The agent's messages from the opening on, each handed out once. Ends with the connection.

        A frame of ours the server could not take comes back here, as {"type": "roost_error", "code", ...}.
        """
        return self._inbound.messages

    async def set_state(self, state: Any, /, *, timeout: float | None = None) -> None:
        """Replace the agent's state; Rejected when clients may not, or when it is invalid.

        Returns once the state is committed. An unnumbered connection has no acknowledgement: it returns once
        the frame is sent, and a refusal is found among `messages()`.
        """
        frame = state_frame(state, numbered=self._numbered)
        if self._numbered:
            await self._run(lambda: self._answer(Exchange("state", frame, value=state)), "set_state", timeout)
        else:
            await self._run(lambda: self._answer(Exchange("message", frame)), "set_state", timeout)
            await self._inbound.new_state(State(state))

    def states(self) -> AsyncGenerator[Any, None]:
        """The state now, if there is one, then each that follows. Every reader sees all of them."""
        return self._inbound.states()

    async def _run(
        self,
        attempt: Callable[[], Awaitable[T]],
        what: str,
        timeout: float | None,
        *,
        repeatable: bool = False,
    ) -> T:
        try:
            return await self._retries.run(
                attempt,
                repeat=lambda _: repeatable and self.closed is None,
                timeout=self._timeout if timeout is None else timeout,
                what=what,
            )
        except RoostError as error:
            if error.code == "timeout" and self._inbound.messages.full:
                raise timed_out(f"{error}; reading is paused: messages() is full") from None
            raise

    async def _answer(self, exchange: Exchange) -> Any:
        self._add(exchange)
        try:
            return await exchange.reply
        finally:
            self._outbox.done(exchange)

    def _add(self, exchange: Exchange) -> None:
        if self.closed is not None:
            raise self.closed.error or lost(f"the connection is closed ({self.closed.code})")
        self._outbox.add(exchange)

    async def _chunks(
        self,
        action: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        key: str | None,
        timeout: float | None,
        finish: Finish,
    ) -> AsyncGenerator[Any, None]:
        id, chunks = uuid4().hex, Flow[Any]()
        frame = call_frame(id, action, args, kwargs, self._retries.key(key), numbered=self._numbered)
        exchange = Exchange("call", frame, id=id, chunks=chunks)
        patience = self._timeout if timeout is None else timeout
        self._add(exchange)
        try:
            while True:
                try:
                    async with asyncio.timeout(patience):
                        chunk = await anext(chunks)
                except StopAsyncIteration:
                    finish(exchange.reply.result())
                    return
                except TimeoutError:
                    raise timed_out(f"{action}: no chunk within {patience:g} s") from None
                yield chunk
        finally:
            self._outbox.done(exchange)
            chunks.end()
