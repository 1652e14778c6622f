"""Frames to an agent's connections: at most once, and none to a caller whose time is over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..contract.caller import expired
from ..contract.commit import Frame
from ..contract.errors import RoostError
from ..contract.trigger import Disconnect, Trigger
from ..protocol import frames
from .mailbox import Waiting

if TYPE_CHECKING:
    from .cell import Cell


async def send(cell: Cell, out: list[Frame], version: int) -> None:
    """Send frames; those the wire can't take are lost."""
    if version and cell.overtaken():
        return
    try:
        await transmit(cell, out, version)
    except RoostError as error:
        unsent(cell, error)


async def transmit(cell: Cell, out: list[Frame], version: int) -> Iterable[str]:
    """Send frames; which connections are gone. None goes to a caller whose time is over: its connection ends here, if
    no timer has ended it."""
    runtime, image = cell.runtime, cell.image
    over: set[str] = set()
    if image is not None and image.expiring:
        now = runtime.host.now()
        over = {cid for cid, expires in image.expiring.items() if expires <= now}
    if not over:
        return await runtime.wire.send(cell.address, out, version)
    kept = [Frame(to, x.data, x.binary) for x in out if (to := tuple(cid for cid in x.to if cid not in over))]
    error = expired()
    gone = await runtime.wire.send(cell.address, [*kept, Frame(tuple(over), frames.refusal(error))], version)
    for cid in over:
        await runtime.wire.close(cell.address, cid, frames.close_code(error), error.code)
        if cid not in cell.queued:  # a platform may say only later that it is gone: its row leaves now
            cell.queued.add(cid)
            leave = Disconnect(cid, frames.close_code(error), error.code)
            cell.mailbox.put(Waiting(Trigger("disconnect", leave, source="admin")))
            cell.kick()
    return gone


def unsent(cell: Cell, error: RoostError) -> None:
    """Frames were lost: nobody waits for them, so the log is told."""
    cell.runtime.log.warning("%s: frames were lost: %s", cell.address, error.message)
