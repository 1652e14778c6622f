"""What SQLite and its binding raise, as errors of Roost."""

from __future__ import annotations

import sqlite3

from roost.contract.errors import AgentError, Conflict, RoostError, TransientError, Unknown

from .datafile import DataFile


class Undone(Exception):
    """A write found only half way that it must not be. It is taken back, and `answer` is what its caller gets."""

    def __init__(self, answer: object) -> None:
        super().__init__(answer)
        self.answer = answer


def fault(error: Exception, file: DataFile | None = None) -> RoostError:
    """The error of a statement: it wrote nothing."""
    if isinstance(error, RoostError):
        return error
    out: RoostError
    if file is not None and file.broken(error):
        out = TransientError(file.trouble or "the data file is damaged", code="data-damaged", retry_after=5.0)
    elif isinstance(error, sqlite3.IntegrityError):
        out = Conflict(f"the store refused a row: {error}")
    elif isinstance(error, sqlite3.OperationalError | sqlite3.InternalError):
        out = TransientError(f"the store failed: {error}", code="storage")
    elif isinstance(error, sqlite3.Error | ValueError | OverflowError):
        out = AgentError(f"a row can't be stored: {error}", code="unstorable")
    else:
        out = RoostError(f"the store failed: {type(error).__name__}: {error}")
    out.__cause__ = error
    return out


def lost(error: Exception) -> RoostError:
    """The error of a COMMIT. A full disk stops before the mark that makes it count; another failure may come after."""
    out: RoostError
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
        out = TransientError(f"the store failed: {error}", code="storage")
    else:
        out = Unknown(f"the store may have lost a write: {error}")
    out.__cause__ = error
    return out
