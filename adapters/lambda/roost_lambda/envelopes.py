"""Envelopes under way, and the alarm that sees to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from roost.contract.address import Address

from . import keys, rows
from .change import Change
from .client import Refused
from .columns import ARMED, FENCE, WAKE_AT, WAKE_SHARD
from .memory import Memory
from .table import Table


class Envelopes:
    """Forgets what was delivered."""

    def __init__(self, table: Table, memory: Memory) -> None:
        self.table = table
        self.memory = memory

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
        change.put(ARMED, at)
        change.put(WAKE_SHARD, None if at is None else keys.shard(pk))
        change.put(WAKE_AT, at)
        held = self.memory.held.get(address)
        if held is not None:
            change.expect(FENCE, held.fence)
        try:
            await self.table.update(pk, keys.HEAD, change)
        except Refused:
            return  # never made, or another host's by now, which knows better
        head = self.memory.of(address).head
        if head is not None:
            head.armed = at
