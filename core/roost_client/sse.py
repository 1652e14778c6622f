"""Server-sent events, parsed from bytes as they come.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
Lines end with CR, LF or CRLF and nothing else (U+2028 is text); an event without data is not dispatched, but
its id counts; an id holding NUL and a `retry` that is no number are ignored.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .faults import bad_answer

EVENT_LIMIT: Final = 4 * 1024 * 1024
"""Characters of one event, most. Far above the portable limits; a bound against a peer that sends no end."""

_EOL: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event as it stood on the wire. `id` is the last id seen, so far or here."""

    event: str
    data: str
    id: str


class Parser:
    """Bytes in, events out. `last_id` and `retry` (seconds) hold what a reconnect needs."""

    __slots__ = ("_data", "_decoder", "_event", "_id", "_rest", "_size", "_start", "last_id", "retry")

    def __init__(self, last_id: str = "", retry: float | None = None) -> None:
        self.last_id = last_id
        self.retry = retry
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._start = True
        self._id = last_id
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> Iterator[ServerSent]:
        """The events that `data` completes. RoostError `bad-answer` when one has no end."""
        text = self._decoder.decode(data)
        if self._start and text:
            self._start = False
            text = text.removeprefix("\ufeff")
        text = self._rest + text
        start = 0
        for end in _EOL.finditer(text):
            if end.group() == "\r" and end.end() == len(text):
                break  # the LF of a CRLF may be in the next bytes
            line, start = text[start : end.start()], end.end()
            sent = self._line(line)
            if sent is not None:
                yield sent
        self._rest = text[start:]
        if self._size + len(self._rest) > EVENT_LIMIT:
            raise bad_answer(f"an event of the stream is longer than {EVENT_LIMIT} characters")

    def _line(self, line: str) -> ServerSent | None:
        if not line:
            return self._dispatch()
        self._size += len(line)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = int(value) / 1000
            case _:
                pass
        return None

    def _dispatch(self) -> ServerSent | None:
        self.last_id = self._id
        event, data = self._event or "message", self._data
        self._event, self._data, self._size = "", [], 0
        return ServerSent(event, "\n".join(data), self.last_id) if data else None
