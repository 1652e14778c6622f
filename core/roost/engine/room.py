"""How much of a mailbox a letter may fill (rule 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.errors import LimitExceeded
from ..contract.room import Room

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..contract.commit import Letter


def room(letter: Letter, limit: int, *, named: bool = False) -> int:
    """How many letters may wait for this one to be taken, so that no kind keeps the others out.

    What waits for its time may fill half of a mailbox, what clients tell now nine tenths, their urgent tells nineteen
    twentieths; the rest is for agents, whose tells are committed and would be tried for ever. `named`: an auth hook
    tells clients apart, and one of them has half of that.
    """
    if letter.source != "client":
        return limit
    most = -(-limit // 2) if letter.next else limit - limit // (20 if letter.lane == "urgent" else 10)
    return Room.of(most, -(-most // 2)) if named else most


def crowded(address: Address, letter: Letter, limit: int) -> LimitExceeded:
    """The refusal of a letter that the rest of the mailbox is not for."""
    what = "tells with a delay" if letter.next else f"{letter.lane} tells of clients"
    return LimitExceeded(
        f"{address} has {room(letter, limit)} triggers waiting or more, which is all that {what} may fill of the "
        f"{limit} that its mailbox holds",
        limit="mailbox", retry_after=1.0,
    )  # fmt: skip
