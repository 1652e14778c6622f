"""The lease of an agent and its bell: columns of its head.

Nobody waits for a lock. Who finds an agent held parks a letter, then rings: the bell counts up on the head. The
holder gives the agent back only if the bell is still what it was before it last read the letters, so a letter whose
bell it could not see makes it look again: no letter is left behind, whatever comes between two calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from roost.contract.address import Address
from roost.contract.commit import Busy, Lease, Snapshot, Taken
from roost.contract.errors import RoostError, TransientError, Unknown

from . import keys, rows
from .change import Change
from .client import Refused
from .columns import BELL, CLAIMED, FENCE, HEARD, LEFT, OWNER, PRIOR, RELEASED, UNTIL
from .desk import HOLD
from .head import head
from .memory import Held, Memory
from .reads import Moved, Reads
from .table import Table

ENDED: Final = 1.0
"""End of a lease that is over, but was not given back in order: whoever takes the agent next is told."""


class Bell:
    """A ring that somebody hears: `until` is the end of the holder's lease. `first`: nobody rang before since the agent
    was taken, so whoever rang provides for the holder's death."""

    __slots__ = ("first", "until")

    def __init__(self, until: float, first: bool) -> None:
        self.until = until
        self.first = first


class HeadLease:
    """Takes, keeps and gives back agents. `now`: epoch seconds."""

    def __init__(self, table: Table, memory: Memory, reads: Reads, now: Callable[[], float]) -> None:
        self.table = table
        self.memory = memory
        self.reads = reads
        self.now = now

    async def claim(self, address: Address, lease: Lease) -> Snapshot | Busy:
        """Take the agent and read it: one round trip while it is small or known."""
        pk = keys.partition(address)
        change, before = Change(), self.memory.held.get(address)
        until, owner, given = change.name(UNTIL.name), change.name(OWNER.name), change.value(rows.n(0))
        change.sets.append(f"{change.name(PRIOR.name)} = if_not_exists({until}, {given})")
        change.put(OWNER, lease.owner)
        change.put(UNTIL, lease.until)
        change.bump(FENCE.name)
        bell = change.name(BELL.name)
        change.sets.append(f"{change.name(CLAIMED.name)} = if_not_exists({bell}, {given})")
        change.when(
            f"attribute_not_exists({until}) OR {until} <= {change.value(rows.n(self.now()))}"
            f" OR {owner} = {change.value(rows.s(lease.owner))}"
        )
        known = self.memory.of(address)
        cold = known.head is None
        epoch = keys.FIRST if known.head is None else known.head.epoch
        asked = self.memory.asked.pop(address, None)
        self.memory.early.pop(address, None)
        item, spare, early = await asyncio.gather(
            self.table.update(pk, keys.HEAD, change, "ALL_NEW"),
            self.table.get(pk, keys.state(epoch, 0)) if cold else _nothing(),
            self.table.get(pk, keys.inbox(epoch, *asked)) if asked is not None else _nothing(),
            return_exceptions=True,
        )
        if isinstance(item, Refused):
            if item.code != "ConditionalCheckFailedException":
                raise TransientError(f"DynamoDB refused a lease: {item}", code="store") from item
            return Busy(head(item.item).until)
        if isinstance(item, BaseException):
            if isinstance(item, Unknown):
                await self._disclaim(address, lease.owner)
            raise item
        found = known.head = head(item)
        held = self.memory.held[address] = Held(found.fence, lease.owner, lease.until, found.bell)
        kept = before is not None and before.said and before.fence + 1 == found.fence
        taken: Taken = "given" if not found.prior else "kept" if kept else "dead"
        if isinstance(spare, BaseException):  # the lease is taken all the same: whoever asked for it gives it back
            raise spare
        if isinstance(early, BaseException):
            raise early
        if asked is not None:
            self.memory.early[address] = keys.inbox(epoch, *asked), early
        try:
            snapshot = await self.reads.snapshot(address, found, spare)
        except Moved:
            raise TransientError(f"{address}: its state is not whole", code="store") from None
        held.said = True
        return snapshot if taken == "given" else replace(snapshot, taken=taken)

    async def _disclaim(self, address: Address, owner: str) -> None:
        """A claim was not answered: should it have been heard, nobody is to wait for its end."""
        change = Change()
        change.put(OWNER, None)
        change.put(UNTIL, ENDED)
        change.expect(OWNER, owner)
        try:
            await self.table.update(keys.partition(address), keys.HEAD, change)
        except (Refused, RoostError):
            return

    async def renew(self, address: Address) -> None:
        """Put off the end of the lease; one that is not ours any more is let go."""
        held = self.memory.held.get(address)
        if held is None:
            return
        until = self.now() + HOLD
        change = Change()
        change.expect(FENCE, held.fence)
        change.expect(OWNER, held.owner)  # given back meanwhile, under the same fence
        change.put(UNTIL, until)
        try:
            await self.table.update(keys.partition(address), keys.HEAD, change)
        except Refused:
            if self.memory.held.get(address) is held:
                self.memory.let_go(address)
            return
        held.until = max(held.until, until)

    async def leave(self, address: Address, left: bool, released: int, force: bool, belled: bool) -> bool:
        """Give the agent back; False = somebody rang since the letters were read, so look again.

        `left`: letters stay behind. `released`: the version whose frames are out. `force`: leave all the same; what
        waits is left to others, and the bell stays on. `belled`: a doorbell is under way for what is armed.
        """
        held = self.memory.held.get(address)
        if held is None:
            return True
        change = Change()
        change.put(OWNER, None)
        change.put(UNTIL, None if belled else ENDED)
        if released:
            change.put(RELEASED, released)
        change.expect(FENCE, held.fence)
        if not force:
            change.expect(BELL, held.heard or None)
            change.put(HEARD, held.heard or None)
            change.put(LEFT, True if left else None)
        try:
            await self.table.update(keys.partition(address), keys.HEAD, change)
        except Refused as refused:
            stood = head(refused.item)
            if stood.fence == held.fence and refused.code == "ConditionalCheckFailedException":
                held.heard = stood.bell
                return False
        self.memory.let_go(address)
        self.memory.of(address).head = None
        return True

    async def ring(self, address: Address) -> Bell | None:
        """Tell the holder that something waits; None = nobody holds it."""
        change = Change()
        change.bump(BELL.name)
        until = change.name(UNTIL.name)
        change.when(f"{until} > {change.value(rows.n(self.now()))}")
        try:
            found = head(await self.table.update(keys.partition(address), keys.HEAD, change, "ALL_NEW"))
        except Refused:
            return None
        return Bell(found.until, found.first_ring)


async def _nothing() -> None:
    """Stands where a read is not needed."""
