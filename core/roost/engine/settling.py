"""Envelopes that were delivered leave the outbox: many in one write, those refused for good buried before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..contract.errors import RoostError
from .delivery import bury
from .quarantine import disarm
from .waking import ready

if TYPE_CHECKING:
    from .cell import Cell

SETTLE: Final = 64
"""Delivered envelopes that are forgotten in one write, at the latest."""


async def settle(cell: Cell) -> None:
    """Forget the envelopes that were delivered."""
    ids, cell.settled = cell.settled, []
    try:
        image = await ready(cell)
        if cell.refused:
            await bury(cell, image)
        armed = image.settle(ids, cell.runtime.host.now(), cell.parking.promised())
        await cell.runtime.store.settle(cell.address, ids, armed)
        await (disarm(cell) if cell.status == "quarantined" else cell.arm(armed))
    except RoostError:
        cell.refused.clear()
        cell.forget()  # redelivered after the next load: the receiver knows the ids
    finally:
        cell.flight.difference_update(ids)
