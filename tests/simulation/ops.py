"""Operations: what a run of an agent is for. Its text begins with the letter of its kind, and is unique."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Op(StrEnum):
    """Kinds of operations; values are first letters, so that histories stay short."""

    CALL = "c"
    UNKEYED = "u"
    FAILING = "f"
    STREAM = "w"
    TELL = "t"
    """By a client."""
    TOLD = "a"
    """By an agent."""
    ASKED = "k"
    """By an agent."""
    ONCE = "s"
    """A schedule that rings once."""
    RECURRING = "e"
    """A schedule that rings again and again."""
    JOB = "y"
    TOILED = "j"
    """By a job: a tick of its agent, or a step."""
    CONNECT = "x"
    MESSAGE = "m"
    DISCONNECT = "d"


SCHEDULED: Final = (Op.ONCE, Op.RECURRING)


def is_a(op: str, *kinds: Op) -> bool:
    """Whether an operation is of one of these kinds."""
    return op[:1] in kinds


def repeats(op: str) -> bool:
    """Whether it may take effect more than once."""
    return is_a(op, Op.RECURRING)
