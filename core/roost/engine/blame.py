"""What an author's exception was, and where it was raised: in dead letters, for operators; never in answers."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from types import TracebackType
from typing import Final

_OWN: Final = frozenset({"roost", "roost_http", "roost_server", "pydantic", "pydantic_core", "asyncio"})
MESSAGE: Final = 1024
FRAME: Final = 512
NAME: Final = 128
"""Characters kept of each; together, with what JSON adds, under 2 KiB for text in ASCII."""


def cause(error: BaseException, module: str) -> dict[str, str]:
    """{type, message, frame}. `module`: where the agent's class stands; frames of its package are preferred."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception:  # an author's __str__
        message = "(its text can't be made)"
    out = {"type": name[:NAME], "message": message[:MESSAGE]}
    frame = _frame(error.__traceback__, module.partition(".")[0])
    if frame is not None:
        out["frame"] = frame[:FRAME]
    return out


def _frame(trace: TracebackType | None, package: str) -> str | None:
    """`file:line in function: text` of the innermost frame of the author's package; of any but ours, if none is."""
    best: tuple[TracebackType, bool] | None = None
    while trace is not None:
        top = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        theirs = top == package
        if theirs or (top not in _OWN and (best is None or not best[1])):
            best = trace, theirs
        trace = trace.tb_next
    if best is None:
        return None
    [line] = traceback.StackSummary.extract([(best[0].tb_frame, best[0].tb_lineno)], capture_locals=False)
    return f"{PurePath(line.filename).name}:{line.lineno} in {line.name}: {line.line or ''}".rstrip(": ")
