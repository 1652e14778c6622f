"""What commands print: results to stdout, everything else to stderr, colour on a terminal only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import IO, Any, Final

from roost.contract.errors import RoostError

_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def style(text: str, name: str, stream: IO[str] | None = None) -> str:
    """`text` in a colour where the stream is a terminal that wants one."""
    out = sys.stdout if stream is None else stream
    if not out.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m"


def say(text: str) -> None:
    """To a person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def put(text: str) -> None:
    """A result."""
    print(text, flush=True)


def put_json(data: Any) -> None:
    """A result for a program: one line."""
    put(json.dumps(data, ensure_ascii=False, default=str))


def pretty(data: Any) -> str:
    """JSON as a person reads it; short data stays on one line."""
    line = json.dumps(data, ensure_ascii=False, default=str)
    return line if len(line) <= 100 else json.dumps(data, ensure_ascii=False, default=str, indent=2)


def show_error(error: RoostError) -> None:
    """The problem: message, code, and the id that finds it in the server's log."""
    more = f", id {error.id}" if error.id else ""
    say(f"{style('roost:', 'red', sys.stderr)} {error.message} ({error.code}{more})")
    data: Any = error.data
    if data and isinstance(data, (dict, list)):
        say(pretty(data))  # pyright: ignore[reportUnknownArgumentType] (JSON)
    if error.retry_after:
        say(f"  it may be tried again after {error.retry_after:g} s")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns under a head."""
    cells = [[str(c) for c in row] for row in rows]
    widths = [max([len(h), *(len(row[i]) for row in cells)]) for i, h in enumerate(head)]
    put(style("  ".join(h.ljust(w) for h, w in zip(head, widths, strict=True)).rstrip(), "bold"))
    for row in cells:
        put("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def moment(at: float | None) -> str:
    """Epoch seconds as local time; `-` for none."""
    return "-" if at is None else datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
