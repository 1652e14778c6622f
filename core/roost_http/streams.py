"""GET .../streams/{job}/{name}: what a job's steps say, from a cursor on (rule 44).

As server-sent events it follows until the end, the backend's window or the reader's leave; where none can be sent in
pieces, and as JSON, it is what there is now, or what comes within `wait` seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from roost.contract.errors import RoostError

from . import path, query
from .answer import Answer, as_json, fault
from .events import ANSWER, RETRY
from .exchange import Exchange
from .sse import COMMENT, HEADERS, HEARTBEAT, event

if TYPE_CHECKING:
    from roost.engine.jobs.reading import Reader, Told

WAIT: Final = 20
"""Seconds that a look waits for more, most."""
POLL: Final = 5.0
"""Seconds that an answer of events, which can't be sent in pieces, waits for the first one."""
LOOK: Final = 1.0
"""Seconds, at most, until a reader that has left is seen."""


async def streams(x: Exchange) -> Answer:
    """GET .../streams/{job}: the names of its streams."""
    job = path.text(path.raw_path(x.scope).split(b"/")[6], "the job's id")
    return as_json({"streams": await x.runtime.job_desk().streams(x.address, job, x.caller)})


async def stream(x: Exchange) -> Answer | None:
    """JSON if asked for; else the stream, which this sends itself."""
    parts = path.raw_path(x.scope).split(b"/")
    job, name = path.text(parts[6], "the job's id"), path.text(parts[7], "the stream's name")
    after = x.header(b"last-event-id") or query.plain(x.query, "after") or ""
    wait = query.number(x.query, "wait", 0, 0, WAIT)
    reader = await x.runtime.job_desk().stream(x.address, job, name, x.caller, after)
    accept = x.header(b"accept").lower()
    if "text/event-stream" not in accept:
        return _as_json(reader, await _some(x, reader, wait))
    if x.head:
        return Answer(200, b"", [*HEADERS])
    client = x.scope.get("client")
    with x.site.readers.one(x.address, x.caller.principal if x.caller else f"at {client[0] if client else ''}"):
        window = x.runtime.capabilities.sse_window
        if not x.runtime.capabilities.http_stream or window <= 0:
            told = await _some(x, reader, wait or POLL)
            return Answer(200, RETRY + b"".join(map(_event, told)), [*HEADERS])
        first = await reader.some()  # what is refused is an ordinary answer
        await _follow(x, reader, first, window)
    return None


async def _some(x: Exchange, reader: Reader, wait: float) -> list[Told]:
    """What there is, or comes within `wait` seconds; about `ANSWER` bytes of it, most."""
    edge, size = x.host.monotonic() + wait, 0
    told: list[Told] = []
    while not reader.over and size <= ANSWER:
        some = await reader.some()
        told += some
        size += sum(len(one.data) for one in some)
        left = edge - x.host.monotonic()
        if some:
            continue
        if told or left <= 0 or x.runtime.closing:
            break
        await reader.wait(left)
    return told


def _as_json(reader: Reader, told: list[Told]) -> Answer:
    entries = b",".join(
        b'{"kind":%b,"cursor":%b,"data":%b}' % (to_json(one.kind), to_json(one.cursor), one.data) for one in told
    )
    over = b"true" if reader.over else b"false"
    return Answer(200, b'{"entries":[%b],"cursor":%b,"ended":%b}' % (entries, to_json(str(reader.place)), over))


def _event(one: Told) -> bytes:
    return event(one.kind, one.data, one.cursor.encode())


async def _follow(x: Exchange, reader: Reader, first: list[Told], window: float) -> None:
    host = x.host
    left = False

    async def watch() -> None:
        nonlocal left
        while (await x.receive())["type"] != "http.disconnect":
            pass
        left = True

    edge = host.monotonic() + window
    watching = host.spawn(watch())
    try:
        await x.begin(200, HEADERS)
        await x.write(RETRY + b"".join(map(_event, first)))
        quiet = host.monotonic()
        while not (reader.over or left or x.runtime.closing or host.monotonic() >= edge):
            await reader.wait(min(LOOK, max(0.0, edge - host.monotonic())))
            some = await reader.some()
            if some:
                await x.write(b"".join(map(_event, some)))
                quiet = host.monotonic()
            elif host.monotonic() - quiet >= HEARTBEAT:
                await x.write(COMMENT)
                quiet = host.monotonic()
        await x.end()
    except OSError:
        pass  # the reader left
    except RoostError:
        await x.end()  # it comes back and asks again
    except Exception as error:
        fault(host, error, f"{x.address} streams")
        await x.end()
    finally:
        watching.cancel()
