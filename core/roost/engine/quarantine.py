"""An agent whose stored state the code can't read: what its callers are told, and when it is looked at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..contract.errors import Quarantined
from .lifecycle import move

if TYPE_CHECKING:
    from .cell import Cell

REVISIT: Final = 3600.0
"""Seconds after which a quarantined agent that owes something is read again: newer code may take its state."""


def quarantined(cell: Cell) -> Quarantined:
    """What everybody is told who asks it to run."""
    why = (cell.metrics.last_error or {}).get("message", "its stored state does not validate")
    return Quarantined(f"{cell.address} is quarantined: {why}. Deploy a `migrate` that mends it, or reset it")


async def disarm(cell: Cell) -> None:
    """Nothing runs in quarantine. What is owed is looked at again much later: nobody may call after a deploy."""
    image = cell.image
    owes = image is not None and (image.due is not None or image.waiting)
    at = cell.runtime.host.now() + REVISIT if owes else None
    await cell.runtime.store.arm(cell.address, at)
    await cell.arm(at)


async def quarantine(cell: Cell, error: Quarantined) -> None:
    """Its stored state can't be read: nothing runs until newer code can, or it is reset."""
    if cell.status != "quarantined":
        cell.metrics.failed(error, cell.runtime.host.now())
        cell.status = move(cell.status, "quarantined")
        await disarm(cell)
    cell.quarantined()
