"""Reading stored JSON. What can't be read costs itself, by name: never its agent, its neighbours or its host."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

from pydantic_core import from_json

from .errors import Unreadable

_BRACKETS: Final = 10
"""Levels that a document puts around a value."""


def read(raw: bytes, what: str) -> Any:
    """The data; Unreadable names `what` could not be read."""
    try:
        return from_json(raw)
    except (ValueError, TypeError) as error:
        raise Unreadable(f"{what} can't be read: {error}") from error


def legible(raw: bytes) -> Any:
    """The data for an operator's eyes; of what can't be read, why, and its bytes."""
    try:
        return from_json(raw)
    except (ValueError, TypeError) as error:
        return {"unreadable": str(error), "base64": b64encode(raw or b"").decode()}


def carried(raw: bytes) -> tuple[bool, Any]:
    """Whether the data survives being part of a JSON document, and the data; numbers that are none do not."""
    try:
        found = from_json(raw, allow_inf_nan=False)
        from_json(b"[" * _BRACKETS + raw + b"]" * _BRACKETS, allow_inf_nan=False)
    except (ValueError, TypeError):
        return False, None
    return True, found
