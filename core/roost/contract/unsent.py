"""A tell that its receiver refuses for good: a dead letter of its sender. Redriven, it is sent again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final

from pydantic_core import from_json, to_json

from .address import Address
from .commit import DeadLetter, Envelope, Letter
from .errors import LimitExceeded, RoostError, TransientError, Unreadable
from .result import problem_bytes

FORWARD: Final = "roost.forward"
"""The action of such a letter: no method can be called so."""


def refused_for_good(error: RoostError) -> bool:
    """It would be refused again: whoever is asked is there, and says that the tell itself is wrong."""
    if isinstance(error, Unreadable):
        return True
    if isinstance(error, TransientError) or error.retry_after is not None or error.status >= 500:
        return False
    return not (isinstance(error, LimitExceeded) and error.limit == "mailbox")


def grave(envelope: Envelope, error: RoostError, at: float) -> DeadLetter:
    """What the sender keeps of it."""
    given = [*envelope.to, envelope.action, b64encode(envelope.args or b"").decode(), envelope.internal]
    args = to_json({"args": given, "kwargs": {}})
    letter = Letter(
        envelope.id, "agent", str(envelope.sender), FORWARD, args, envelope.lane, internal=True, attempts=1, keyed=False
    )
    return DeadLetter(letter, problem_bytes(error), at)


def unsent(raw: bytes) -> tuple[Address, str, bytes, bool]:
    """(receiver, action, arguments, internal) of such a letter's arguments. ValueError: they are none."""
    try:
        kind, key, action, args, internal = from_json(raw)["args"]
        return Address(str(kind), str(key)), str(action), b64decode(args), bool(internal)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"not a tell: {error!r}") from error
