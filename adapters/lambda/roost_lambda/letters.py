"""Parked letters: what hosts leave for whoever holds the agent, or takes it next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeAlias

from roost.contract.address import Address
from roost.contract.commit import Letter
from roost.contract.errors import TransientError
from roost.contract.refusals import full, joined
from roost.contract.room import hogged, share_of

from . import keys, rows
from .change import Change
from .client import Item, Refused
from .columns import ARMED, BELL, DUE, TICKET, WAKE_AT, WAKE_SHARD
from .desk import WAITS
from .head import Head, head
from .lease import Bell
from .reads import Reads
from .table import Table

Ring: TypeAlias = Callable[[float], Awaitable[None]]

TRIES: Final = 20
ASIDE: Final = 200
"""Letters that may be under way beside this one, not rung for yet: what the bell can't tell of a mailbox's size."""


class Posted:
    """A parked letter, and whether somebody holds the agent and will see it."""

    __slots__ = ("bell", "held", "letter")

    def __init__(self, letter: Letter, bell: Bell, held: bool) -> None:
        self.letter = letter
        self.bell = bell
        self.held = held


class Letters:
    """Parks letters and takes them back. `now`: epoch seconds."""

    def __init__(self, table: Table, reads: Reads, now: Callable[[], float]) -> None:
        self.table = table
        self.reads = reads
        self.now = now

    async def post(
        self, address: Address, letter: Letter, limit: int, armed: float | None, ring: Ring | None = None
    ) -> Posted:
        """Park a letter and ring, whether the agent is held or not. `ring`: sends a doorbell for `armed`, before
        the column says so, or if nobody sees to it that one comes sooner."""
        for _ in range(TRIES):
            number, found = await asyncio.gather(self.ticket(address), self.reads.head(address))
            least = min(limit, share_of(limit) or limit)
            if found.left or found.bell - found.heard + ASIDE >= least:
                oldest = await self._oldest(address)
                if oldest is not None and number - oldest >= least:
                    await self._room(address, letter, found, limit)
            one = await self._put(address, replace(letter, n=number), found)
            if armed is not None and 0.0 < one.next < armed:
                armed = one.next  # whoever parked it first may have died before it rang
            after = await self._rung(address, one, armed, found, ring)
            if after.generation == found.generation:
                return Posted(one, Bell(after.until, after.first_ring), after.until > self.now())
            await self.table.write([], [(keys.partition(address), keys.letter(number))])  # destroyed meanwhile
        raise TransientError(f"{address} is being destroyed again and again", code="store-busy")

    async def ticket(self, address: Address) -> int:
        """The number of the next letter."""
        change = Change()
        change.bump("n")
        return rows.whole(await self.table.update(keys.partition(address), keys.TICKETS, change, "UPDATED_NEW"), "n")

    async def _oldest(self, address: Address) -> int | None:
        items, _ = await self.table.query(keys.partition(address), *keys.whole("M#"), limit=1)
        return int(items[0]["sk"]["S"][2:]) if items else None

    async def _room(self, address: Address, letter: Letter, found: Head, limit: int) -> None:
        """Count exactly, now that it may matter. Who waits already is joined even so."""
        pk = keys.partition(address)
        waiting = await self.reads.waiting(pk, found, None)
        if waiting >= limit and (not letter.keyed or await self._waits(address, letter, found) is None):
            raise full(address, waiting)
        share = share_of(limit)
        if share and waiting >= share:
            own = await self.reads.waiting(pk, found, None, sr=letter.source, pr=letter.principal or None)
            if own >= share and (not letter.keyed or await self._waits(address, letter, found) is None):
                raise hogged(address, letter, share)

    async def _waits(self, address: Address, letter: Letter, found: Head) -> Letter | None:
        """The letter that waits under the same id."""
        pk = keys.partition(address)
        item = await self.table.get(pk, keys.inbox(found.epoch, letter.source, letter.principal, letter.id))
        if item is None or TICKET.name not in item:
            return None
        first = await self.table.get(pk, keys.letter(TICKET.of(item)))
        return rows.letter(first) if first is not None and found.owns(first) else None

    async def _put(self, address: Address, letter: Letter, found: Head) -> Letter:
        """Make it durable; the letter that waits, this or an earlier one of the same id."""
        pk = keys.partition(address)
        item = rows.put_letter(pk, found.life, letter)
        if not letter.keyed:
            # A plain put that was given up could still arrive when its letter has run: a second letter. The token of a
            # transaction tells it from a new one.
            await self.table.transact([self.table.put_line(item)])
            return letter
        sk = keys.inbox(found.epoch, letter.source, letter.principal, letter.id)
        stale: Item | None = None
        for _ in range(TRIES):
            change = Change()
            change.equal(TICKET.name, stale)
            change.put(TICKET, letter.n)
            ttl = change.name("ttl")
            until = int(max(self.now(), letter.next) + WAITS)
            change.sets.append(f"{ttl} = if_not_exists({ttl}, {change.value(rows.n(until))})")
            try:
                await self.table.transact([self.table.line(pk, sk, change), self.table.put_line(item)])
                return letter
            except Refused as refused:
                taken = refused.reasons[0].item if refused.reasons else None
                if taken is None or TICKET.name not in taken:
                    stale = None  # it was freed meanwhile
                    continue
                first = await self.table.get(pk, keys.letter(TICKET.of(taken)))
                if first is not None:
                    return joined(rows.letter(first), letter)
                stale = taken[TICKET.name]  # consumed: the id is free
        raise TransientError(f"{address}: its mailbox is too busy", code="store-busy")

    async def _rung(
        self, address: Address, letter: Letter, armed: float | None, found: Head, ring: Ring | None
    ) -> Head:
        """Ring, and lower `armed` and `due` to what the letter asks, in one write. The head after it."""
        pk = keys.partition(address)
        for _ in range(TRIES):
            change = Change()
            change.bump(BELL.name)
            if armed is not None and (found.armed is None or armed < found.armed):
                if ring is not None:
                    await ring(armed)
                    ring = None
                change.expect(ARMED, found.armed)
                change.put(ARMED, armed)
            if letter.next > 0 and (found.due is None or letter.next < found.due):
                change.expect(DUE, found.due)
                change.put(DUE, letter.next)
                change.put(WAKE_SHARD, keys.shard(pk))
                change.put(WAKE_AT, letter.next)
            try:
                after = head(await self.table.update(pk, keys.HEAD, change, "ALL_NEW"))
            except Refused as refused:
                found = head(refused.item)
                continue
            if armed is not None and ring is not None and not self._woken(after, armed):
                await ring(armed)
            return after
        raise TransientError(f"{address}: its head is too busy", code="store-busy")

    def _woken(self, found: Head, by: float) -> bool:
        """A doorbell comes by then, or the holder sees the letter; of a holder that is dead neither is known."""
        return found.armed is not None and found.armed <= by and (not found.until or found.until > self.now())

    async def withdraw(self, address: Address, n: int) -> bool:
        """Take a parked trigger back; False = it has run, or was taken back before."""
        answer = await self.table.call(
            "delete_item", Key={"pk": rows.s(keys.partition(address)), "sk": rows.s(keys.letter(n))},
            ReturnValues="ALL_OLD",
        )  # fmt: skip
        return bool(answer.get("Attributes"))
