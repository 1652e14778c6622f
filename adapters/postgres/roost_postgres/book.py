"""Addresses and the ids that stand for them in every table. An id is an agent's for ever, so what was learnt holds."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address

from .rows import raw
from .schema import AIDS

if TYPE_CHECKING:
    from .links import Connection

KNOWN: Final = 10_000
"""Ids kept in memory: what is asked for again soon."""


class Book:
    """What this worker knows of ids, and those it has taken for agents that it will make."""

    def __init__(self) -> None:
        self._known: OrderedDict[Address, int] = OrderedDict()
        self._next = self._end = 0

    def known(self, address: Address) -> int | None:
        return self._known.get(address)

    def learn(self, address: Address, aid: int) -> None:
        """Of a row that is durable."""
        if address not in self._known and len(self._known) >= KNOWN:
            self._known.popitem(last=False)
        self._known[address] = aid

    async def find(self, link: Connection, address: Address) -> int | None:
        """The agent's id, if it has one."""
        aid = self._known.get(address)
        if aid is None:
            aid = await link.fetchval(
                "SELECT aid FROM roost.head WHERE kind=$1 AND key=$2", raw(address.kind), raw(address.key)
            )
            if aid is not None:
                self.learn(address, aid)
        return aid

    async def fresh(self, link: Connection) -> int:
        """An id that nobody has; one that is not used is never used."""
        if self._next == self._end:
            first = await link.fetchval("SELECT nextval('roost.aid')")
            if self._next == self._end:  # another task may have been as quick
                self._next, self._end = first, first + AIDS
        self._next += 1
        return self._next - 1
