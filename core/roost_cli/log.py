"""Logging of a server on the command line: short lines; an author's failure with the author's code frame."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType
from typing import Final

from roost.contract.visible import NEXT, VisibleFormatter, visible, visible_lines

from .blame import blame, is_authors
from .report import style

LEVELS: Final = ("debug", "info", "warning", "error")
_COLOURS: Final = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "INFO": "green"}

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Formatter(VisibleFormatter):
    """`12:00:00 ERROR roost: message`, then what the author should see of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        level = style(f"{record.levelname:<7}", _COLOURS.get(record.levelname, "dim"), sys.stderr)
        who = visible(str(getattr(record, "agent", None) or record.name))
        text = f"{self.formatTime(record, '%H:%M:%S')} {level} {who}: {visible_lines(record.getMessage())}"
        return f"{text}{NEXT}{self.formatException(record.exc_info)}" if record.exc_info else text

    def formatException(self, ei: ExcInfo) -> str:
        error = ei[1]
        if error is None:
            return ""
        if any(is_authors(frame.filename) for frame in traceback.extract_tb(error.__traceback__)):
            return visible_lines(blame(error))
        return super().formatException(ei)


def set_up(level: str) -> None:
    """Log to stderr from `level` on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("roost").setLevel(level.upper())
