"""An author's exception, shown with the author's own code: which file and line, and what stands there.

Frames of Roost, of the standard library and of installed packages say nothing to an author and are left out.
"""

from __future__ import annotations

import linecache
import sysconfig
import traceback
from pathlib import Path
from typing import Final

from roost.hosting.packages import PACKAGES, folder

AROUND: Final = 2
"""Lines shown before and after the one that failed."""

_FOREIGN: Final = [
    *(folder(package).resolve() for package in PACKAGES),
    *{Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")},
]


def is_authors(filename: str) -> bool:
    """Whether a file is the author's own code."""
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    return not any(path.is_relative_to(own) for own in _FOREIGN)


def blame(error: BaseException) -> str:
    """The author's frames, an excerpt of the last one's source, and the error in one line."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        caret = None if error.offset is None else (error.offset - 1, max((error.end_offset or 0) - 1, error.offset))
        return f"{_excerpt(error.filename, error.lineno, caret)}\n{_last_line(error)}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_authors(f.filename)]
    parts = [f"  {short(f.filename)}:{f.lineno} in {f.name}" for f in frames]
    if frames:
        last = frames[-1]
        caret = None
        if last.colno is not None and last.end_colno is not None and last.end_lineno == last.lineno:
            caret = (last.colno, last.end_colno)
        parts.append(_excerpt(last.filename, last.lineno or 1, caret, place=False))
    cause = error.__cause__
    if cause is not None:
        parts += [blame(cause), "that led to:"]
    return "\n".join([*parts, _last_line(error)])


def short(filename: str) -> str:
    """The path from here, if it is below."""
    path, here = Path(filename).resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _last_line(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return "".join(traceback.format_exception_only(error)).rstrip()


def _excerpt(filename: str, line: int, caret: tuple[int, int] | None, *, place: bool = True) -> str:
    """A few numbered lines with a mark at `line` and carets under columns `caret` of it."""
    linecache.checkcache(filename)
    out = [f"  {short(filename)}:{line}"] if place else []
    for n in range(max(1, line - AROUND), line + AROUND + 1):
        text = linecache.getline(filename, n).rstrip("\n")
        if not text and n > line:
            continue
        out.append(f"  {'>' if n == line else ' '} {n:4} | {text}".rstrip())
        if n == line and caret is not None and caret[1] > caret[0]:
            blank = "".join("\t" if c == "\t" else " " for c in text[: caret[0]])
            out.append(f"         | {blank}{'^' * (min(caret[1], len(text)) - caret[0] or 1)}")
    return "\n".join(out)
