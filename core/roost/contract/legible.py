"""Reading stored JSON. What can't be read costs itself, by name: never its agent, its neighbours or its host."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from pydantic_core import from_json

from .encoding import DEPTH, deeper
from .errors import Unreadable


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


def carried(raw: bytes, levels: int = DEPTH) -> tuple[bool, Any]:
    """Whether the data can be a part of a JSON document that any backend reads, and the data.

    Numbers that are none can't, nor what has more than `levels` levels.
    """
    try:
        if deeper(raw, levels):
            return False, None
        return True, from_json(raw, allow_inf_nan=False)
    except (AttributeError, ValueError, TypeError):
        return False, None
