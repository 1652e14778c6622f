"""An agent's event log, followed for as long as the reader likes.

The server closes a stream after its window (an open one would keep the agent awake); the reader comes back
with `Last-Event-ID` after the pause the server's `retry:` names, so nothing is missed or seen twice. Chunks
and resets are live only. A `gap` says that entries after the one asked for are no longer kept.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from pydantic import TypeAdapter

from roost.contract.errors import TransientError

from .faults import bad_answer
from .http import Http, Params, is_event_stream, read_events
from .inner import Inner
from .sse import Parser, ServerSent

WINDOW: Final = 50.0
"""Seconds after which a server closes a stream of events."""
SILENCE: Final = WINDOW + 10.0
"""Seconds without a byte after which a stream counts as lost: no window is longer."""
PAUSE: Final = 1.0
"""Seconds until the next window where the server names none."""

EventType = Literal["event", "chunk", "stream-reset", "gap"]
_LIVE: Final = frozenset({"chunk", "stream-reset", "gap"})
_AT: Final = TypeAdapter(datetime)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log, or (see `type`) a live chunk, a reset of the chunks so far, or a gap in the log.

    `seq` numbers the entry; of what is not an entry it is the last entry before. `data` of a gap is
    {"first": the first number still kept}. `id` of a chunk is {trigger}.{attempt}.{i}, of an entry its seq; two runs
    of a call, on two hosts even, never have the same attempt: chunks of another one begin anew.
    """

    seq: int
    kind: str
    data: Any
    id: str
    at: datetime | None = None
    type: EventType = "event"


async def follow_events(
    http: Http, path: str, *, after: int, kinds: Sequence[str], follow: bool
) -> AsyncGenerator[Event, None]:
    """Entries after number `after`. Without `follow`, those there now. A stream lost later is reopened."""
    backoff = http.retries.backoff
    opened, failures, last, last_id, retry = False, 0, after, "", None
    while True:
        params: dict[str, str | int] = {"after": last}
        if kinds:
            params["kinds"] = ",".join(kinds)
        if not follow:
            params["follow"] = "false"
        parser = Parser(last_id, retry)
        more: list[bool] = []
        try:
            async with aclosing(Inner(_window(http, path, params, parser, last, more))) as window:
                async for event in window:
                    opened, failures, last = True, 0, event.seq
                    yield event
            opened, failures = True, 0
            pause = max(backoff.first, PAUSE if parser.retry is None else parser.retry)
        except TransientError as error:
            if not (opened and follow):
                raise
            pause = backoff.delay(failures, error.retry_after)
            failures += 1
        if not follow and not any(more):
            return
        last_id, retry = parser.last_id, parser.retry
        await backoff.sleep(pause)


async def _window(
    http: Http, path: str, params: Params, parser: Parser, last: int, more: list[bool]
) -> AsyncGenerator[Event, None]:
    async with http.open("GET", path, params=params, last_id=parser.last_id, silence=SILENCE) as answer:
        if not is_event_stream(answer):
            raise bad_answer(f"GET {path}: the answer is no stream of events; is this a Roost server?")
        more.append("roost-more" in answer.headers)
        async with aclosing(Inner(read_events(answer, parser))) as all_sent:
            async for sent in all_sent:
                event = event_of(sent, last)
                last = event.seq
                yield event


def event_of(sent: ServerSent, last: int) -> Event:
    """The event `sent` stands for; `last` is the number of the entry before."""
    try:
        data: Any = json.loads(sent.data)
        if sent.event not in _LIVE:
            at = data.get("at")
            when = None if at is None else _AT.validate_python(at)
            return Event(int(data["seq"]), str(data["kind"]), data.get("data"), sent.id, when)
        if sent.event == "gap":
            return Event(max(last, int(data["first"]) - 1), "gap", data, sent.id, type="gap")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_answer(f"event {sent.event!r} of the log can't be read: {error}") from error
    id = sent.id
    if isinstance(data, dict):
        doc = cast("dict[str, Any]", data)
        id, data = str(doc.get("id", id)), doc.get("data")
    return Event(last, sent.event, data, id, type=cast(EventType, sent.event))
