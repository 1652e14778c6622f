"""The frames of one connection, parked one after the other, as they came (rule 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...contract.trigger import Trigger
    from ...ports import Future


def connection(trigger: Trigger) -> str:
    """The connection that a trigger belongs to; "" = to none."""
    found: str | None = getattr(trigger.payload, "cid", None)
    return found or ""


class ParkedFrames:
    """Of one connection, those that are parked from here."""

    __slots__ = ("last", "left")

    def __init__(self) -> None:
        self.left = 0
        """How many are not answered yet. Until then those that follow are parked too, lest they overtake."""
        self.last: Future[None] | None = None
        """Done once the last of them is parked."""
