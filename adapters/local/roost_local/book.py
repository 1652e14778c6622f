"""Addresses and the integer ids that stand for them in every table."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from roost.contract.address import Address

KNOWN: Final = 10_000
"""Ids kept in memory: what is asked for again soon. The memory of the server must not grow with its agents."""


class Book:
    """What was read or committed is `known`; what the open transaction made is `fresh` until it is durable."""

    __slots__ = ("fresh", "jobs", "known")

    def __init__(self) -> None:
        self.known: OrderedDict[Address, int] = OrderedDict()
        self.fresh: dict[Address, int] = {}
        self.jobs = False
        """A job may be in the file: loads look whether it is theirs."""

    def learn(self, address: Address, aid: int) -> None:
        """Remember a committed id; the one learnt longest ago makes room."""
        if len(self.known) >= KNOWN:
            self.known.popitem(last=False)  # a plain dict would look for its first line past all that are gone
        self.known[address] = aid

    def keep(self) -> None:
        """The transaction is durable."""
        if self.fresh:
            for address, aid in self.fresh.items():
                self.learn(address, aid)
            self.fresh = {}

    def forget(self) -> None:
        """The transaction was rolled back: SQLite will give its ids to others."""
        self.fresh = {}
