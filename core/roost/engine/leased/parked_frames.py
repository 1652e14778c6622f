"""The frames of one connection that are parked from here: one after the other, as they came (rule 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...ports import Future


class ParkedFrames:
    """See the file's head."""

    __slots__ = ("last", "left")

    def __init__(self) -> None:
        self.left = 0
        """How many are not answered yet. Until then those that follow are parked too, lest they overtake."""
        self.last: Future[None] | None = None
        """Done once the last of them is parked."""
