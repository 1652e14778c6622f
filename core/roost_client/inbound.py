"""What arrives on a connection: the identity, states, messages, answers, each handed to who waits for it.

Queues are bounded; while one is full the inbound side waits, so the link stops reading and the sender feels it.
Nothing is dropped.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from .flow import Flow
from .frames import Ack, Identity, Inbound, Message, Reply, Reset, State
from .link import Closed
from .outbox import Outbox
from .stream import reset


class InboundQueues:
    """Receives for one connection. `listen=False` leaves messages out."""

    def __init__(self, outbox: Outbox, *, listen: bool) -> None:
        self._outbox = outbox
        self._listen = listen
        self._watchers: list[Flow[Any]] = []
        self._closed: Closed | None = None
        self.identity: Identity | None = None
        self.state: State | None = None
        self.messages: Flow[Any] = Flow()

    async def receive(self, frame: Inbound) -> None:
        """Hand `frame` on; waits while the queue it belongs in is full."""
        match frame:
            case Identity():
                self.identity = frame
            case State():
                await self.new_state(frame)
            case Message(data):
                await self._message(data)
            case Ack():
                await self._ack(frame)
            case Reply():
                await self._reply(frame)
            case Reset(id):
                exchange = self._outbox.find(id)
                if exchange is not None and exchange.chunks is not None and exchange.chunks.count:
                    exchange.fail(reset())
            case _:
                pass

    async def new_state(self, state: State) -> None:
        """Take `state` as the newest and hand it to every reader of states."""
        self.state = state
        for flow in list(self._watchers):
            await flow.put(state.state)

    async def states(self) -> AsyncGenerator[Any, None]:
        """The state now, if there is one, then each that follows."""
        flow: Flow[Any] = Flow()
        if self.state is not None:
            await flow.put(self.state.state)
        if self._closed is not None:
            flow.end(self._closed.error)
        self._watchers.append(flow)
        try:
            async for state in flow:
                yield state
        finally:
            self._watchers.remove(flow)
            flow.end()

    def end(self, closed: Closed) -> None:
        """No more frames: readers get what is here, then the error the server gave, if any."""
        if self._closed is None:
            self._closed = closed
            for flow in [self.messages, *self._watchers]:
                flow.end(closed.error)

    async def _message(self, data: Any) -> None:
        if self._listen:
            await self.messages.put(data)

    async def _ack(self, frame: Ack) -> None:
        exchange = self._outbox.state(frame.seq)
        if exchange is None:
            if frame.error is not None:
                await self._message(frame.raw)
        elif frame.error is not None:
            exchange.fail(frame.error)
        else:  # here and not in the setter's task: the next frame may be a newer state
            exchange.settle(None)
            await self.new_state(State(exchange.value))

    async def _reply(self, frame: Reply) -> None:
        exchange = self._outbox.find(frame.id)
        if exchange is None:
            return  # nobody waits any more
        if frame.error is not None:
            exchange.fail(frame.error)
        elif frame.done:
            exchange.settle(frame.value)
        elif exchange.chunks is not None:
            await exchange.chunks.put(frame.value)
