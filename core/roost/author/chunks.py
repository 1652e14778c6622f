"""`async for chunk in app.agent(Talker, "a").say(3)`: a streaming action, read from outside any agent."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from ..contract.errors import TransientError
from ..contract.result import TickResult, failed
from .equality import adapter

if TYPE_CHECKING:
    from ..contract.trigger import Trigger
    from ..ports import Future
    from .remote import RemoteAction
    from .server import Server

BACKLOG: Final = 1024 * 1024
"""Bytes of chunks that wait for their reader."""


class Chunks(AsyncIterator[Any]):
    """What the action says, as it says it, before its tick commits: that it did is what the end of the iteration says.

    The action runs from the first chunk asked for on, and goes on when its reader leaves. TransientError
    `stream-reset`: it was begun anew, and what it said so far is void; `reader-lagged`: too much waited for the reader.
    """

    def __init__(self, runtime: Server, target: RemoteAction, trigger: Trigger) -> None:
        self._runtime = runtime
        self._target = target
        self._trigger: Trigger | None = trigger
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._run: bytes | None = None
        """Of which attempt the chunks are: their ids before the number."""
        self._end: TickResult | None = None
        self._waiter: Future[Any] | None = None

    async def __anext__(self) -> Any:
        host = self._runtime.host
        trigger, self._trigger = self._trigger, None
        if trigger is not None:
            host.spawn(self._carry_out(trigger))
        while not self._waiting:
            if self._end is not None:
                if self._end.error is not None:
                    raise self._end.error
                raise StopAsyncIteration
            self._waiter = host.future()
            await self._waiter
        raw = self._waiting.popleft()
        self._size -= len(raw)
        return adapter(self._target.action.chunk).validate_json(raw, by_alias=True, by_name=True)

    async def aclose(self) -> None:
        """Read no more. The action goes on."""
        self._trigger = None
        self._over(self._end or failed(TransientError("this stream was closed by its reader", code="closed")))

    async def _carry_out(self, trigger: Trigger) -> None:
        self._over(await self._runtime.dispatch(self._target.address, trigger, self._chunk))

    def _chunk(self, id: bytes, raw: bytes) -> None:
        if self._end is not None:
            return
        run = id.rpartition(b".")[0]
        if self._run not in {None, run}:
            self._fail("the call was started anew; what it streamed so far is void", "stream-reset")
            return
        self._run = run
        self._size += len(raw)
        if self._size > BACKLOG:
            self._fail(
                "this reader was too slow for the stream; the call goes on, its chunks are lost", "reader-lagged"
            )
            return
        self._waiting.append(raw)
        self._wake()

    def _fail(self, why: str, code: str) -> None:
        self._waiting.clear()
        self._over(failed(TransientError(why, code=code)))

    def _over(self, result: TickResult) -> None:
        if self._end is None:
            self._end = result
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
