"""From a trigger to the author's method: one function a kind of trigger. Only this file calls author code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import ValidationError
from pydantic_core import from_json

from ..author.action import describe
from ..author.connection import Connection
from ..author.response import Response
from ..author.schedule import UnknownZone, check, parsed
from ..contract.caller import of_network, stored
from ..contract.commit import Gone, Row
from ..contract.encoding import encode
from ..contract.errors import LimitExceeded, NotFound, Rejected, TransientError, Unreadable
from ..contract.trigger import (
    JOB_TELL,
    Call,
    Connect,
    Disconnect,
    JobOver,
    Message,
    Occurrence,
    Request,
    SetState,
)
from ..contract.unsent import FORWARD, unsent

if TYPE_CHECKING:
    from ..author.action import Action
    from ..author.agent import Agent
    from ..contract.commit import Letter
    from ..contract.errors import RoostError
    from ..contract.trigger import Payload, Trigger
    from .tick import Tick

_OURS: Final = frozenset({FORWARD, JOB_TELL})
"""Actions of letters that are no methods."""
NO_ZONE: Final = "unknown-zone"
ZONE_WAIT: Final = 60.0
"""Seconds after which a schedule in a time zone that its host lacks is tried again, there or elsewhere."""
Breathe = Callable[[], Awaitable[None]]
HttpAnswer = tuple[int, list[tuple[str, str]], bytes]


class Runnable(Protocol):
    """A trigger whose turn has come, as far as its handler needs it; `engine.mailbox.Waiting` fills it."""

    trigger: Trigger
    letter: Letter | None
    action: Action | None
    broken: RoostError | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    live: Callable[[bytes, bytes], None] | None


def perform(
    agent: Agent[Any, Any], tick: Tick, waiting: Runnable, breathe: Breathe
) -> Coroutine[Any, Any, bytes | HttpAnswer]:
    """Run the handler; the result as JSON, or the HTTP answer of a request."""
    payload = waiting.trigger.payload
    if isinstance(payload, Call):
        return _call(agent, tick, waiting, payload, breathe)
    return _hook(agent, tick, waiting, payload)


async def _hook(agent: Agent[Any, Any], tick: Tick, waiting: Runnable, payload: Payload) -> bytes | HttpAnswer:
    if isinstance(payload, Message):
        await agent.on_message(_connection(tick, payload.cid), payload.data)
    elif isinstance(payload, Connect):
        await _connect(agent, tick, waiting, payload)
    elif isinstance(payload, Disconnect):
        row = tick.image.connections[payload.cid]
        tick.rows[payload.cid] = Gone(payload.cid)
        await agent.on_disconnect(Connection(tick, row))
    elif isinstance(payload, SetState):
        _set_state(agent, tick, payload)
    elif isinstance(payload, Occurrence):
        await _occurrence(agent, tick, payload)
    elif isinstance(payload, Request):
        return await _request(agent, tick, payload)
    elif waiting.trigger.kind == "start":
        await agent.on_start()
    elif isinstance(payload, JobOver):
        from .jobs import job_over

        await job_over(agent, tick, payload)
    return b"null"


async def _call(agent: Agent[Any, Any], tick: Tick, waiting: Runnable, call: Call, breathe: Breathe) -> bytes:
    action = waiting.action
    if action is None or waiting.letter is not None:  # a stored target: the code may have changed since
        if waiting.broken is not None:
            raise waiting.broken
        if call.internal and call.action in _OURS:
            if call.action == FORWARD:
                return _forward(agent, tick, waiting)
            return await _tell_job(agent, tick, call)
        action = waiting.action = (tick.kind.target if call.internal else tick.kind.action)(call.action)
        waiting.args, waiting.kwargs = action.bind(call.args, call.kwargs)
    if action.guarded:  # a letter's caller, or the action, may have been another when it was taken in
        action.admit(waiting.trigger.source, waiting.trigger.caller, waiting.trigger.own(tick.address))
    if action.streams:
        return fitting(action, await _stream(agent, tick, waiting, call, breathe), tick.limits.result)
    return answer(action, await action.fn(agent, *waiting.args, **waiting.kwargs), tick.limits.result)


def answer(action: Action, result: Any, limit: int) -> bytes:
    """What an action returned, as JSON."""
    if result is None:
        return b"null"
    value = encode(result, action.result_name)
    return value if len(value) <= limit else fitting(action, value, limit)


def fitting(action: Action, value: bytes, limit: int) -> bytes:
    """`value` itself; LimitExceeded `result`."""
    if len(value) > limit:
        raise LimitExceeded(f"the result of {action.name} has {len(value)} bytes; the limit is {limit}", limit="result")
    return value


def _forward(agent: Agent[Any, Any], tick: Tick, waiting: Runnable) -> bytes:
    """Send a tell again that its receiver had refused for good."""
    assert waiting.letter is not None
    try:
        to, name, args, internal = unsent(waiting.letter.args)
    except ValueError as error:
        raise Unreadable(f"a tell that was to be sent again can't be read: {error}") from None
    action = agent._roost.target(to, name, internal)  # pyright: ignore[reportPrivateUsage]
    tick.outbox.append((to, action, args))
    return b"null"


async def _tell_job(agent: Agent[Any, Any], tick: Tick, call: Call) -> bytes:
    """What the agent told itself in a tick that cancelled, signalled or answered a job."""
    from .jobs import tell_job

    await tell_job(agent, tick, call)
    return b"null"


async def _stream(agent: Agent[Any, Any], tick: Tick, waiting: Runnable, call: Call, breathe: Breathe) -> bytes:
    """Chunks leave as they are made; a caller who can't stream gets them as one list."""
    assert waiting.action is not None
    gathered: list[bytes] | None = [] if waiting.live is None and call.rpc is None else None
    size = 2
    async with _closing(waiting.action.fn(agent, *waiting.args, **waiting.kwargs)) as chunks:
        async for chunk in chunks:
            raw = tick.emit(chunk)
            if gathered is not None:
                gathered.append(raw)
                size += len(raw) + 1
                if size > tick.limits.result:
                    raise LimitExceeded(
                        f"the chunks of {waiting.action.name} have more than {tick.limits.result} bytes, the limit of "
                        "a result; take them as a stream (Accept: text/event-stream)",
                        limit="result",
                    )
            await breathe()
    return b"null" if gathered is None else b"[" + b",".join(gathered) + b"]"


@asynccontextmanager
async def _closing(chunks: AsyncGenerator[Any, None]) -> AsyncGenerator[AsyncGenerator[Any, None], None]:
    """The author's generator, over when the block is: what it does in `finally` is of this tick, not of a later one.

    Why the block ended is what counts, not what the generator makes of being closed.
    """
    try:
        yield chunks
    except BaseException:
        with suppress(BaseException):
            await chunks.aclose()
        raise


def _connection(tick: Tick, cid: str) -> Connection:
    row = tick.image.connections.get(cid)
    if row is None:
        raise NotFound(f"the connection {cid} is gone", code="no-connection")
    return Connection(tick, row)


async def _connect(agent: Agent[Any, Any], tick: Tick, waiting: Runnable, connect: Connect) -> None:
    caller = waiting.trigger.caller
    row = Row(
        connect.cid, connect.label, connect.opened,
        caller.principal if caller else None,
        stored(caller) if caller else of_network(connect.client),
    )  # fmt: skip
    tick.rows[connect.cid] = row
    await agent.on_connect(Connection(tick, row, connect.query))


def _set_state(agent: Agent[Any, Any], tick: Tick, payload: SetState) -> None:
    try:
        agent.state = tick.kind.validate(encode(payload.state, "the state"))
    except ValidationError as error:
        raise Rejected(f"State update rejected: {describe(error)}", code="bad-state", status=422) from None
    tick.origin = payload.cid


async def _occurrence(agent: Agent[Any, Any], tick: Tick, occurrence: Occurrence) -> None:
    row = tick.image.schedules[occurrence.key]
    action = tick.kind.target(row.target)
    try:
        check(parsed(row.spec))
    except UnknownZone as error:  # who runs it could not say when it is due next: kept for a host that can
        raise TransientError(f"the schedule {row.key!r} waits: {error}", code=NO_ZONE, retry_after=ZONE_WAIT) from None
    except Exception as error:  # whatever stored bytes can raise
        raise Unreadable(f"the time of the schedule {row.key!r} can't be read: {error}") from error
    try:
        given: Mapping[str, Any] = from_json(row.args)
        kept = given["args"], given["kwargs"]
    except Exception as error:  # whatever stored bytes can raise
        raise Unreadable(f"the arguments of the schedule {row.key!r} can't be read: {error}") from error
    args, kwargs = action.bind(*kept)
    if action.streams:
        async with _closing(action.fn(agent, *args, **kwargs)) as chunks:
            async for chunk in chunks:
                tick.emit(chunk)
    else:
        await action.fn(agent, *args, **kwargs)
    tick.advance(occurrence)


async def _request(agent: Agent[Any, Any], tick: Tick, request: Request) -> HttpAnswer:
    if "on_request" not in tick.kind.hooks:
        raise NotFound(f"{tick.kind.name} does not answer HTTP requests: it has no on_request", code="no-on-request")
    answer = Response.of(await agent.on_request(request)).encoded()
    if len(answer[2]) > tick.limits.http_body:
        raise LimitExceeded(
            f"the response has {len(answer[2])} bytes; the limit is {tick.limits.http_body}",
            limit="http_body",
            status=500,
        )
    return answer
