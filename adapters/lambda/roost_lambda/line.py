"""What a session takes for its socket, in an invocation: what it says is kept and sent when the frame is done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from roost.contract.address import Address
from roost.contract.errors import RoostError
from roost.contract.trigger import Caller, Trigger
from roost.engine.runtime import Runtime
from roost.sockets.metered import Metered
from roost.sockets.protocol import Session

from .backend import LambdaBackend
from .sockets import Sockets


class Outgoing:
    """A `session.Line`."""

    def __init__(self, sockets: Sockets, address: Address, cid: str) -> None:
        self._sockets = sockets
        self._address = address
        self._cid = cid
        self._kept: list[bytes] = []
        self._closing: tuple[int, str] | None = None

    def send_text_bytes(self, data: bytes) -> None:
        if self._closing is None:
            self._kept.append(data)

    def close(self, code: int, reason: str) -> None:
        self._closing = self._closing or (code, reason)

    def pause(self) -> None:
        """Every frame is an invocation of its own: there is no reading to stop."""

    def resume(self) -> None:
        pass

    async def flush(self, *, greeting: bool = False) -> bool:
        """Send what was said; False when nobody is there any more."""
        kept, self._kept = self._kept, []
        there = not kept or await self._sockets.post(self._cid, kept, greeting=greeting)
        if self._closing is not None:
            await self._sockets.close(self._address, self._cid, *self._closing)
            return False
        return there


class InvocationSession(Session):
    """The session of a connection for the length of an invocation, which waits for what its frames cause."""

    __slots__ = ("_backend", "_deadline", "_tasks")
    line: Outgoing
    timed = False

    def __init__(
        self, backend: LambdaBackend, runtime: Runtime, address: Address, cid: str, label: str, caller: Caller | None,
        line: Outgoing, deadline: float,
    ) -> None:  # fmt: skip
        super().__init__(runtime, address, cid, label, caller, {}, line)
        self.resume()
        self._backend = backend
        self._deadline = deadline
        self._tasks: list[asyncio.Task[None]] = []

    def _post(self, trigger: Trigger) -> None:
        # A task's first step puts its trigger in the mailbox, and tasks take their first steps in the order they
        # were made: the frames of a connection are one lane.
        self._tasks.append(asyncio.ensure_future(self._run(trigger)))

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def _run(self, trigger: Trigger) -> None:
        given = Trigger(
            trigger.kind, trigger.payload, trigger.id, trigger.source, trigger.caller, trigger.lane, self._deadline
        )
        try:
            await self._backend.dispatch(self.address, given)
        except RoostError as error:  # refused before it was a tick; what a tick raises, its release says
            self._answer(trigger.payload, error)
            await self.line.flush()

    async def finish(self) -> None:
        """Wait until everything is done and said."""
        await self.line.flush()
        while self._tasks:
            await self._tasks.pop()
        await self.line.flush()


class MeteredInvocation(Metered, InvocationSession):
    """One that is counted, in the memory of this process."""

    __slots__ = ()
