"""What the steps of a job say, followed from a cursor to its end, whatever breaks in between.

A server closes a stream after its window, or sends at once what there is; the reader comes back with the cursor of what
it has, so nothing is missed or seen twice.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from roost.contract.errors import TransientError

from .events import SILENCE
from .faults import bad_answer
from .http import Http, Params, is_event_stream, read_events
from .inner import Inner
from .sse import Parser, ServerSent

PAUSE: Final = 1.0
"""Seconds until the next window where the server names none, and nothing came."""
_KINDS: Final = frozenset({"item", "reset", "gap", "end"})


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a reader of a stream hears."""

    kind: Literal["item", "reset", "gap", "end"]
    """gap: entries up to this cursor are not kept any more. end: the job has ended, and this was all."""
    cursor: str
    """`after` of whoever reads on behind it: {claim}.{offset}."""
    item: Any = None
    step: str = ""
    """Which step said it: {run}/{branch}/{n}. Of a reset: whose items are void; "" = everybody's."""
    void_from: int = 0
    """Of a reset: items of this offset and above are void."""

    @property
    def offset(self) -> int:
        return int(self.cursor.partition(".")[2])


def said_items(said: Iterable[Said]) -> list[Any]:
    """What a stream says, once all that is void is taken out."""
    kept: list[Said] = []
    for one in said:
        if one.kind == "item":
            kept.append(one)
        elif one.kind == "reset":
            kept = [x for x in kept if x.offset < one.void_from or one.step not in ("", x.step)]
    return [one.item for one in kept]


async def follow_stream(http: Http, path: str, after: str) -> AsyncGenerator[Said, None]:
    """Everything after the cursor. A stream lost later is reopened; NotFound: it is no more."""
    backoff = http.retries.backoff
    opened, failures, place = False, 0, after
    while True:
        parser = Parser()
        came = False
        try:
            params: Params = {"after": place} if place else {}
            async with aclosing(Inner(_window(http, path, params, parser))) as window:
                async for one in window:
                    opened, failures, came, place = True, 0, True, one.cursor
                    yield one
                    if one.kind == "end":
                        return
            opened, failures = True, 0
            pause = 0.0 if came else PAUSE if parser.retry is None else parser.retry
        except TransientError as error:
            if not opened:
                raise
            pause = backoff.delay(failures, error.retry_after)
            failures += 1
        await backoff.sleep(pause)


async def _window(http: Http, path: str, params: Params, parser: Parser) -> AsyncGenerator[Said, None]:
    async with http.open("GET", path, params=params, silence=SILENCE) as answer:
        if not is_event_stream(answer):
            raise bad_answer(f"GET {path}: the answer is no stream of events; is this a Roost server?")
        async with aclosing(Inner(read_events(answer, parser))) as all_sent:
            async for sent in all_sent:
                if sent.event in _KINDS:
                    yield said_of(sent)


def said_of(sent: ServerSent) -> Said:
    try:
        doc: Any = json.loads(sent.data)
        kind = cast(Literal["item", "reset", "gap", "end"], sent.event)
        return Said(kind, sent.id, doc.get("item"), str(doc.get("step", "")), int(doc.get("void_from", 0)))
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_answer(f"event {sent.event!r} of a stream can't be read: {error}") from error
