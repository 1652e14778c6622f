"""A call answered as server-sent events: chunks live, the result gated (rule 18).

An error before the first chunk is an ordinary problem answer, so that its status and Retry-After count; so is any
where the backend can't send before the end (`http_stream`). Any other is the event `error`. A reader who leaves does
not stop the tick: it was posted, not awaited.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.errors import TransientError
from roost.contract.result import TickResult, failed, problem_bytes
from roost.contract.trigger import Trigger

from .answer import Answer, reply
from .asgi import Header, Send
from .sse import COMMENT, HEADERS, HEARTBEAT, Feed, event

if TYPE_CHECKING:
    from .serves import Serves


def wants_stream(accept: bytes) -> bool:
    """Does the header Accept ask for events? Beside JSON they are not asked for."""
    accept = accept.lower()
    return b"text/event-stream" in accept and b"application/json" not in accept


LAGGED: Final = failed(
    TransientError(
        "this reader was too slow for the stream; the call goes on, its chunks are lost", code="reader-lagged"
    )
)


def ending(result: TickResult) -> bytes:
    """The last event of a call."""
    if result.error is not None:
        return event(b"error", problem_bytes(result.error))
    return event(b"result", b'{"result":%b}' % result.value)


async def stream(runtime: Serves, address: Address, trigger: Trigger, send: Send, cors: Sequence[Header]) -> None:
    """Run the call and send what it makes. RoostError: it failed before anything was sent."""
    feed = Feed(runtime.host)
    if not runtime.capabilities.http_stream:
        done = await runtime.dispatch(address, trigger, feed.chunk)
        if done.error is not None:
            raise done.error
        await reply(send, Answer(200, feed.take() + ending(LAGGED if feed.lagged else done), [*HEADERS]), cors)
        return
    runtime.post(address, trigger, feed.done, feed.chunk)
    started = False
    while True:
        arrived = await feed.wait(HEARTBEAT)
        result = feed.result
        if not started and result is not None and result.error is not None and not feed.parts:
            raise result.error
        if feed.lagged and result is None:
            result = LAGGED
        data = feed.take() if arrived else COMMENT
        if result is not None:
            data += ending(result)
        if not await _push(send, data, () if started else (*HEADERS, *cors), more=result is None, first=not started):
            return
        started = True
        if result is not None:
            return


async def _push(send: Send, data: bytes, headers: Sequence[Header], *, more: bool, first: bool) -> bool:
    """Send a piece; False when the reader left."""
    try:
        if first:
            await send({"type": "http.response.start", "status": 200, "headers": [*headers]})
        await send({"type": "http.response.body", "body": data, "more_body": more})
    except OSError:
        return False
    return True
