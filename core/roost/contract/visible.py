"""Text from outside as a log or a terminal may show it: nothing in it moves a cursor, forges a line or hides.

A key, an action's name, a caller or an error's message may hold any character. Escaped are control characters (C0, DEL,
C1), line separators, marks of direction and lone surrogates: `\\n`, `\\x1b`, `\\u202e`.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

_UNSEEN: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
_LINE: Final = re.compile(f"[\t\n{_UNSEEN}]")
_LINES: Final = re.compile(f"[{_UNSEEN}]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
NEXT: Final = "\n  "
"""What begins the second and later lines of one entry: no text can pass for an entry of its own."""


def visible(text: str) -> str:
    """`text` on one line."""
    return _LINE.sub(_escape, text)


def visible_lines(text: str) -> str:
    """`text` with its lines and tabs; every line but the first is indented."""
    return _LINES.sub(_escape, text.replace("\r\n", "\n")).replace("\n", NEXT)


def visible_json(text: str) -> str:
    """JSON whose strings hold nothing unseen: the same value, the escapes are JSON's own."""
    return _LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")


class VisibleFormatter(logging.Formatter):
    """A log formatter that writes every record so."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible_lines(super().formatMessage(record))

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return visible_lines(super().formatException(ei))
