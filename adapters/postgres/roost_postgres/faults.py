"""What PostgreSQL and its driver raise, as errors of Roost: by SQLSTATE, whose first two characters are the class."""

from __future__ import annotations

from typing import Final

import asyncpg

from roost.contract.errors import AgentError, Conflict, RoostError, TransientError, Unknown

BAD: Final = ("22", "23", "54")
"""A value, a row or its size: whoever sent it is at fault, and its neighbours are not."""
AGAIN: Final = ("40001", "40P01")
"""Serialisation failure, deadlock: rolled back, so do it once more."""
_FULL: Final = "53300"
_READ_ONLY: Final = "25006"


def state(error: BaseException) -> str:
    """The SQLSTATE; "": it is none of the server's."""
    found = getattr(error, "sqlstate", None) if isinstance(error, asyncpg.PostgresError) else None
    return found or ""


def bad(error: BaseException) -> bool:
    """The statement holds something that can't be stored."""
    return state(error)[:2] in BAD or isinstance(error, asyncpg.DataError | ValueError | OverflowError)


def again(error: BaseException) -> bool:
    """Nothing was written, and the same may pass now."""
    return state(error) in AGAIN


def lost(error: BaseException) -> bool:
    """The answer was lost, or may have been: what was asked for may have been done, or may be done yet."""
    if isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    code = state(error)
    return code[:2] == "08" or (code[:2] == "57" and code != "57014") or isinstance(error, asyncpg.QueryCanceledError)


def fault(error: BaseException) -> RoostError:
    """The error of a statement that wrote nothing, or that reads."""
    if isinstance(error, RoostError):
        return error
    code = state(error)
    out: RoostError
    if code[:2] == "23":
        out = Conflict(f"the store refused a row: {error}")
    elif bad(error):
        out = AgentError(f"a row can't be stored: {error}", code="unstorable")
    elif code == _FULL:
        out = TransientError(f"the database takes no more connections: {error}", code="store-busy")
    elif code == _READ_ONLY:
        out = TransientError(f"the database takes no writes; is it a replica?: {error}", code="storage")
    else:
        out = TransientError(f"the store failed: {type(error).__name__}: {error}", code="storage")
    out.__cause__ = error
    return out


def unknown(error: BaseException) -> RoostError:
    """The error of a write."""
    if not lost(error):
        return fault(error)
    out = Unknown(f"the answer of the database was lost: {type(error).__name__}: {error}")
    out.__cause__ = error
    return out
