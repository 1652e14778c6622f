"""How many letters may wait in a mailbox for one more to be taken, so that nobody fills it alone."""

from __future__ import annotations

from .address import Address
from .commit import Letter
from .errors import LimitExceeded


class Room(int):
    """The most letters that may wait, all together. `share`: of these, most of one (source, principal); 0: any.

    A store counts a share only while more letters wait than that: counting reads the mailbox.
    """

    share: int = 0

    @classmethod
    def of(cls, limit: int, share: int) -> Room:
        room = cls(limit)
        room.share = share
        return room


def share_of(limit: int) -> int:
    """The share of one client; 0: there is none."""
    return limit.share if isinstance(limit, Room) else 0


def hogged(address: Address, letter: Letter, share: int) -> LimitExceeded:
    """The refusal of one client's letters beyond its share."""
    who = letter.principal or "without a name"
    return LimitExceeded(
        f"{address} has {share} triggers of the client {who!r} waiting, which is one client's share of its mailbox",
        limit="mailbox_share", retry_after=1.0,
    )  # fmt: skip
