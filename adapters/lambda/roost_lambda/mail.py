"""Parked letters, the bell, the lease, and the answers of parked triggers: what hosts leave for one another.

Nobody waits for a lock. Who finds an agent held parks a letter, then rings: the bell counts up on the head. The
holder gives the agent back only if the bell is still what it was before it last read the letters, so a letter whose
bell it could not see makes it look again: no letter is left behind, whatever comes between two calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from roost.contract.address import Address
from roost.contract.commit import Busy, Lease, Letter, Snapshot
from roost.contract.errors import RoostError, TransientError, Unknown
from roost.contract.refusals import full, joined
from roost.contract.room import hogged, share_of

from . import keys, rows
from .change import Change
from .client import Item, Refused
from .head import Head, head
from .memory import Held, Memory
from .plan import HOLD, WAITS, answer_items
from .reads import Moved, Reads
from .table import Table

TRIES: Final = 20
ASIDE: Final = 200
"""Letters that may be under way beside this one, not rung for yet: what the bell can't tell of a mailbox's size."""


class Mail:
    """`now`: epoch seconds."""

    def __init__(self, table: Table, memory: Memory, reads: Reads, now: Callable[[], float]) -> None:
        self.table = table
        self.memory = memory
        self.reads = reads
        self.now = now

    # The lease ---------------------------------------------------------------------------------------

    async def claim(self, address: Address, lease: Lease) -> Snapshot | Busy:
        """Take the agent and read it: one round trip while it is small or known."""
        pk = keys.partition(address)
        change = Change()
        change.set("lo", rows.s(lease.owner))
        change.set("lu", rows.n(lease.until))
        change.bump("f")
        bell = change.name("b")
        change.sets.append(f"{change.name('c')} = if_not_exists({bell}, {change.value(rows.n(0))})")
        until, owner = change.name("lu"), change.name("lo")
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
        self.memory.held[address] = Held(found.fence, lease.owner, lease.until, found.bell)
        if isinstance(spare, BaseException):  # the lease is taken all the same: whoever asked for it gives it back
            raise spare
        if isinstance(early, BaseException):
            raise early
        if asked is not None:
            self.memory.early[address] = keys.inbox(epoch, *asked), early
        try:
            return await self.reads.snapshot(address, found, spare)
        except Moved:
            raise TransientError(f"{address}: its state is not whole", code="store") from None

    async def _disclaim(self, address: Address, owner: str) -> None:
        """A claim was not answered: should it have been heard, nobody is to wait for its end."""
        change = Change()
        change.set("lo", None)
        change.set("lu", None)
        change.equal("lo", rows.s(owner))
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
        change.equal("f", rows.n(held.fence))
        change.equal("lo", rows.s(held.owner))  # given back meanwhile, under the same fence
        change.set("lu", rows.n(until))
        try:
            await self.table.update(keys.partition(address), keys.HEAD, change)
        except Refused:
            if self.memory.held.get(address) is held:
                self.memory.let_go(address)
            return
        held.until = max(held.until, until)

    async def leave(self, address: Address, left: bool, released: int, force: bool) -> bool:
        """Give the agent back; False = somebody rang since the letters were read, so look again.

        `left`: letters stay behind. `released`: the version whose frames are out. `force`: leave all the same; what
        waits is left to others, and the bell stays on.
        """
        held = self.memory.held.get(address)
        if held is None:
            return True
        change = Change()
        change.set("lo", None)
        change.set("lu", None)
        if released:
            change.set("r", rows.n(released))
        change.equal("f", rows.n(held.fence))
        if not force:
            change.equal("b", rows.n(held.heard) if held.heard else None)
            change.set("a", rows.n(held.heard) if held.heard else None)
            change.set("m", rows.n(1) if left else None)
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
        change.bump("b")
        until = change.name("lu")
        change.when(f"{until} > {change.value(rows.n(self.now()))}")
        try:
            found = head(await self.table.update(keys.partition(address), keys.HEAD, change, "ALL_NEW"))
        except Refused:
            return None
        return Bell(found.until, found.first_ring)

    # Letters -----------------------------------------------------------------------------------------

    async def post(self, address: Address, letter: Letter, limit: int, armed: float | None) -> Posted:
        """Park a letter and ring, whether the agent is held or not."""
        for _ in range(TRIES):
            number, found = await asyncio.gather(self._ticket(address), self.reads.head(address))
            least = min(limit, share_of(limit) or limit)
            if found.left or found.bell - found.heard + ASIDE >= least:
                oldest = await self._oldest(address)
                if oldest is not None and number - oldest >= least:
                    await self._room(address, letter, found, limit)
            one = await self._put(address, replace(letter, n=number), found)
            after = await self._rung(address, one, armed, found)
            if after.generation == found.generation:
                return Posted(one, Bell(after.until, after.first_ring), after.until > self.now())
            await self.table.write([], [(keys.partition(address), keys.letter(number))])  # destroyed meanwhile
        raise TransientError(f"{address} is being destroyed again and again", code="store-busy")

    async def _ticket(self, address: Address) -> int:
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
        if item is None or "t" not in item:
            return None
        first = await self.table.get(pk, keys.letter(rows.whole(item, "t")))
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
            change.equal("t", stale)
            change.set("t", rows.n(letter.n))
            ttl = change.name("ttl")
            until = int(max(self.now(), letter.next) + WAITS)
            change.sets.append(f"{ttl} = if_not_exists({ttl}, {change.value(rows.n(until))})")
            try:
                await self.table.transact([self.table.line(pk, sk, change), self.table.put_line(item)])
                return letter
            except Refused as refused:
                taken = refused.reasons[0].item if refused.reasons else None
                if taken is None or "t" not in taken:
                    stale = None  # it was freed meanwhile
                    continue
                first = await self.table.get(pk, keys.letter(rows.whole(taken, "t")))
                if first is not None:
                    return joined(rows.letter(first), letter)
                stale = taken["t"]  # consumed: the id is free
        raise TransientError(f"{address}: its mailbox is too busy", code="store-busy")

    async def _rung(self, address: Address, letter: Letter, armed: float | None, found: Head) -> Head:
        """Ring, and lower `armed` and `due` to what the letter asks, in one write. The head after it."""
        pk = keys.partition(address)
        for _ in range(TRIES):
            change = Change()
            change.bump("b")
            if armed is not None and (found.armed is None or armed < found.armed):
                change.equal("ar", None if found.armed is None else rows.n(found.armed))
                change.set("ar", rows.n(armed))
            if letter.next > 0 and (found.due is None or letter.next < found.due):
                change.equal("du", None if found.due is None else rows.n(found.due))
                change.set("du", rows.n(letter.next))
                change.set("wk", rows.s(keys.shard(pk)))
                change.set("wt", rows.n(letter.next))
            try:
                return head(await self.table.update(pk, keys.HEAD, change, "ALL_NEW"))
            except Refused as refused:
                found = head(refused.item)
        raise TransientError(f"{address}: its head is too busy", code="store-busy")

    # Answers -----------------------------------------------------------------------------------------

    async def answer(self, address: Address, n: int, answer: bytes) -> None:
        """A parked trigger ended without a commit: take its letter and leave its answer, both or neither."""
        pk = keys.partition(address)
        lines = [self.table.delete_line(pk, keys.letter(n), "attribute_exists(pk)")]
        lines += [self.table.put_line(x) for x in answer_items(pk, n, answer, self.now())]
        try:
            await self.table.transact(lines)
        except Refused:
            return  # taken back, or answered before

    async def answered(self, address: Address, n: int) -> bytes | None:
        """What the parked trigger `n` came to; None = nothing yet."""
        pk = keys.partition(address)
        first = await self.table.get(pk, keys.answer(n))
        if first is None:
            return None
        out = rows.data(first, "d")
        for i in range(1, rows.whole(first, "c", 1)):
            piece = await self.table.get(pk, keys.answer(n) + f"~{i}")
            out += b"" if piece is None else rows.data(piece, "d")
        return out

    async def withdraw(self, address: Address, n: int) -> bool:
        """Take a parked trigger back; False = it has run, or was taken back before."""
        answer = await self.table.call(
            "delete_item", Key={"pk": rows.s(keys.partition(address)), "sk": rows.s(keys.letter(n))},
            ReturnValues="ALL_OLD",
        )  # fmt: skip
        return bool(answer.get("Attributes"))

    # Envelopes and dead letters ----------------------------------------------------------------------

    async def settle(self, address: Address, ids: Sequence[str], armed: float | None) -> None:
        """Forget delivered envelopes. A crash between the writes leaves an alarm too many, nothing else."""
        pk = keys.partition(address)
        known = self.memory.of(address)
        if ids:
            if known.sent is None or any(id not in known.sent for id in ids):
                items = await self.table.range(pk, *keys.whole("O#"))
                known.sent = {rows.text(x, "i"): x["sk"]["S"] for x in items}
            deletes = [(pk, known.sent[id]) for id in ids if id in known.sent]
            await asyncio.gather(self.table.write([], deletes), self.arm(address, armed))
            for id in ids:
                known.sent.pop(id, None)
        else:
            await self.arm(address, armed)

    async def arm(self, address: Address, at: float | None) -> None:
        """Set the column alone."""
        pk = keys.partition(address)
        change = Change()
        change.when("attribute_exists(pk)")
        change.set("ar", None if at is None else rows.n(at))
        change.set("wk", None if at is None else rows.s(keys.shard(pk)))
        change.set("wt", None if at is None else rows.n(at))
        held = self.memory.held.get(address)
        if held is not None:
            change.equal("f", rows.n(held.fence))
        try:
            await self.table.update(pk, keys.HEAD, change)
        except Refused:
            return  # never made, or another host's by now, which knows better
        head = self.memory.of(address).head
        if head is not None:
            head.armed = at

    async def redrive(self, address: Address, id: str | None) -> int:
        pk = keys.partition(address)
        count = 0
        for dead in await self.reads.dead(address, 0, 1_000_000):
            if id is not None and dead.letter.id != id:
                continue
            found = await self.reads.head(address)
            letter = replace(dead.letter, attempts=0, next=0.0, n=await self._ticket(address))
            lines = [
                self.table.delete_line(pk, keys.grave(found.epoch, dead.n), "attribute_exists(pk)"),
                self.table.put_line(rows.put_letter(pk, found.life, letter)),
            ]
            if letter.keyed:
                change = Change()
                for name in ("o", "f", "d", "x"):
                    change.set(name, None)
                change.set("t", rows.n(letter.n))
                sk = keys.inbox(found.epoch, letter.source, letter.principal, letter.id)
                lines.append(self.table.line(pk, sk, change))
            bell = Change()
            bell.bump("b")
            bell.sets.append(f"dn = dn - {bell.value(rows.n(1))}")
            lines.append(self.table.line(pk, keys.HEAD, bell))
            try:
                await self.table.transact(lines)
                count += 1
            except Refused:
                continue  # somebody else redrove it
        self.memory.forget(address)
        return count

    async def purge(self, address: Address, id: str | None) -> int:
        """Dead letters gone for good, each with its count."""
        pk = keys.partition(address)
        count = 0
        for dead in await self.reads.dead(address, 0, 1_000_000):
            if id is not None and dead.letter.id != id:
                continue
            found = await self.reads.head(address)
            less = Change()
            less.sets.append(f"dn = dn - {less.value(rows.n(1))}")
            grave = self.table.delete_line(pk, keys.grave(found.epoch, dead.n), "attribute_exists(pk)")
            try:
                await self.table.transact([grave, self.table.line(pk, keys.HEAD, less)])
                count += 1
            except Refused:
                continue  # somebody else was there first
        self.memory.forget(address)
        return count


async def _nothing() -> None:
    """Stands where a read is not needed."""


class Bell:
    """`on`: it is the first ring that the holder until `until` hears, so whoever rang provides for its death."""

    __slots__ = ("on", "until")

    def __init__(self, until: float, on: bool) -> None:
        self.until = until
        self.on = on


class Posted:
    """A parked letter, and whether somebody holds the agent and will see it."""

    __slots__ = ("bell", "held", "letter")

    def __init__(self, letter: Letter, bell: Bell, held: bool) -> None:
        self.letter = letter
        self.bell = bell
        self.held = held
