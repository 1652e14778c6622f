"""A text frame that came in, read once and the same way on every backend."""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic_core import from_json

from ..contract.encoding import ARGUMENTS, DEPTH, infinite, outline, within
from ..contract.errors import Rejected, RoostError

OURS: Final = ("rpc", "cf_agent_state", "roost_message", "roost_job")
"""Types of frames that are the protocol's; all others are the author's messages."""
_LEVELS: Final = DEPTH + ARGUMENTS


class Refused(dict[str, Any]):
    """The outermost members of a frame of the protocol that holds what no value may."""

    __slots__ = ("error",)
    error: RoostError


def read(text: str) -> dict[str, Any] | None:
    """The frame, if it is an object of JSON; `Refused` when one of ours can't be taken as it is. None: a message.

    Rejected: no text at all, but halves of characters.
    """
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise Rejected("a frame is not valid Unicode: it holds a lone surrogate", code="bad-frame") from None
    error: RoostError | None = None
    if len(raw) > 2 * _LEVELS:
        try:
            within(raw, "a frame", _LEVELS)
        except RoostError as problem:
            error, raw = problem, outline(raw)
    try:
        found: object = from_json(raw, allow_inf_nan=False)
    except ValueError:
        return None
    if type(found) is not dict:
        return None
    frame = cast("dict[str, Any]", found)
    if error is None and infinite(raw, frame):
        error = Rejected("a number in the frame is out of range", code="bad-json")
    if error is None:
        return frame
    if frame.get("type") not in OURS:
        return None
    refused = Refused(frame)
    refused.error = error
    return refused


def number(text: str) -> int | None:
    """The number of a frame of our client; None: it has none."""
    if '"seq"' not in text:
        return None
    try:
        frame = read(text)
    except RoostError:
        return None
    seq = frame.get("seq") if frame is not None and frame.get("type") in OURS else None
    return seq if type(seq) is int and seq > 0 else None
