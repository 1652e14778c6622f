"""What commands print: results to stdout, everything else to stderr, colour on a terminal only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import IO, Any, Final

from roost.contract.errors import RoostError
from roost.contract.visible import visible, visible_json, visible_lines

_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def style(text: str, name: str, stream: IO[str] | None = None) -> str:
    """`text` in a colour where the stream is a terminal that wants one."""
    out = sys.stdout if stream is None else stream
    if not out.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m"


def never_fail() -> None:
    """What a stream's encoding lacks is escaped: an answer that was paid for is not lost to a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shown(text: str) -> str:
    """Text of an agent: as it is for a program, with nothing unseen in it on a terminal."""
    return plain(text) if sys.stdout.isatty() else text


def plain(text: str) -> str:
    """Text in its lines, with nothing unseen in it."""
    return "\n".join(visible_lines(line) for line in text.split("\n"))


def _dump(data: Any, indent: int | None = None) -> str:
    """JSON that this stream can carry."""
    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    return visible_json(json.dumps(data, ensure_ascii=not unicode, default=str, indent=indent))


def say(text: str) -> None:
    """To a person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def put(text: str) -> None:
    """A result."""
    print(text, flush=True)


def put_json(data: Any) -> None:
    """A result for a program: one line."""
    put(_dump(data))


def pretty(data: Any) -> str:
    """JSON as a person reads it; short data stays on one line."""
    line = _dump(data)
    return line if len(line) <= 100 else _dump(data, indent=2)


def error_json(message: str, code: str, id: str = "", data: Any = None) -> str:
    """What went wrong, for a program: one line on stderr."""
    found = {"code": code, "message": message, **({"id": id} if id else {}), **({"data": data} if data else {})}
    return _dump({"error": found})


def show_error(error: RoostError) -> None:
    """The problem: message, code, and the id that finds it in the server's log."""
    more = f", id {visible(error.id)}" if error.id else ""
    message = visible_lines(error.message)
    say(f"{style('roost:', 'red', sys.stderr)} {message} ({visible(error.code)}{more})")
    data: Any = error.data
    if data and isinstance(data, (dict, list)) and not _said(data, error.message):
        say(pretty(data))  # pyright: ignore[reportUnknownArgumentType] (JSON)
    if error.retry_after:
        say(f"  it may be tried again after {error.retry_after:g} s")


def _said(data: Any, message: str) -> bool:
    """Whether the message says all that the data holds: validation errors are put into words there."""
    return isinstance(data, list) and all(
        isinstance(one, dict) and isinstance(one.get("msg"), str) and one["msg"] in message  # pyright: ignore[reportUnknownMemberType]
        for one in data  # pyright: ignore[reportUnknownVariableType] (JSON)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns under a head."""
    cells = [[visible(str(c)) for c in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in cells)]) for i, h in enumerate(head)]
    put(style("  ".join(h.ljust(w) for h, w in zip(head, widths, strict=True)).rstrip(), "bold"))
    for row in cells:
        put("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def moment(at: float | None) -> str:
    """Epoch seconds as local time; `-` for none."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
