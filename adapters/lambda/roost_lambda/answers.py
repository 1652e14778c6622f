"""The answers of parked triggers: what their hosts wait for."""

from __future__ import annotations

from collections.abc import Callable

from roost.contract.address import Address

from . import keys, rows
from .client import Refused
from .table import Table


class Answers:
    """Leaves and finds answers. `now`: epoch seconds."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self.table = table
        self.now = now

    async def answer(self, address: Address, n: int, answer: bytes) -> None:
        """A parked trigger ended without a commit: take its letter and leave its answer, both or neither."""
        pk = keys.partition(address)
        lines = [self.table.delete_line(pk, keys.letter(n), "attribute_exists(pk)")]
        lines += [self.table.put_line(x) for x in rows.answer_items(pk, n, answer, self.now())]
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
