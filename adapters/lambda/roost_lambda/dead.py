"""Dead letters: sent again, or gone for good."""

from __future__ import annotations

from dataclasses import replace

from roost.contract.address import Address

from . import keys, rows
from .change import Change
from .client import Refused
from .columns import BELL, DEAD_LETTERS, HANDLED, TICKET
from .letters import Letters
from .memory import Memory
from .reads import Reads
from .table import Table


class DeadLetters:
    """What operators do with them. Returned is how many."""

    def __init__(self, table: Table, memory: Memory, reads: Reads, letters: Letters) -> None:
        self.table = table
        self.memory = memory
        self.reads = reads
        self.letters = letters

    async def redrive(self, address: Address, id: str | None) -> int:
        pk = keys.partition(address)
        count = 0
        for dead in await self.reads.dead(address, 0, 1_000_000):
            if id is not None and dead.letter.id != id:
                continue
            found = await self.reads.head(address)
            letter = replace(dead.letter, attempts=0, next=0.0, n=await self.letters.ticket(address))
            lines = [
                self.table.delete_line(pk, keys.grave(found.epoch, dead.n), "attribute_exists(pk)"),
                self.table.put_line(rows.put_letter(pk, found.life, letter)),
            ]
            if letter.keyed:
                change = Change()
                for field in ("outcome", "fingerprint", "value", "expires"):
                    change.put(HANDLED.columns[field], None)
                change.put(TICKET, letter.n)
                sk = keys.inbox(found.epoch, letter.source, letter.principal, letter.id)
                lines.append(self.table.line(pk, sk, change))
            bell = Change()
            bell.bump(BELL.name)
            bell.sets.append(f"{DEAD_LETTERS.name} = {DEAD_LETTERS.name} - {bell.value(rows.n(1))}")
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
            less.sets.append(f"{DEAD_LETTERS.name} = {DEAD_LETTERS.name} - {less.value(rows.n(1))}")
            grave = self.table.delete_line(pk, keys.grave(found.epoch, dead.n), "attribute_exists(pk)")
            try:
                await self.table.transact([grave, self.table.line(pk, keys.HEAD, less)])
                count += 1
            except Refused:
                continue  # somebody else was there first
        self.memory.forget(address)
        return count
