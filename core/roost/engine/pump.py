"""The pump: runs what waits in a cell, one after the other, until nothing does.

Ticks of one agent never overlap; everything that writes the agent's rows and depends on its image happens in here.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from ..contract.errors import RoostError, TransientError
from ..tick.overrun import from_outside
from .attempt import attempt
from .cell import REARM, Cell
from .failure import hide
from .mailbox import Waiting
from .quarantine import disarm
from .settling import SETTLE, settle
from .waking import line_up, ready

C = TypeVar("C", bound=Cell)


class Pump(Generic[C]):
    """Of a host that owns its agents. Without state: one serves all cells."""

    __slots__ = ()

    async def run(self, cell: C) -> None:
        """What a cell is given as its work."""
        runtime, mailbox, owned = cell.runtime, cell.mailbox, cell.leases is None
        try:
            while True:
                if cell.look:
                    cell.look = False
                    if cell.doubted:
                        cell.doubted = False
                        cell.forget()
                    await self.look(cell)
                if len(cell.settled) >= SETTLE:
                    await settle(cell)
                waiting = mailbox.take()
                if waiting is not None:
                    if owned:
                        try:
                            await attempt(cell, waiting)
                        except BaseException as error:
                            await self.broke(cell, waiting, error)
                    else:
                        await self.take(cell, waiting)
                    if runtime.restless or cell.naps:
                        cell.forget()
                        _napped(cell)
                elif cell.settled:
                    await settle(cell)
                elif (image := cell.image) is not None and image.waiting and image.more and not image.letters:
                    cell.forget()  # the next letters are loaded with the next snapshot
                    cell.look = True
                elif not cell.look and (owned or await self.rest(cell)):
                    break
        finally:
            cell.pumping = False
            if cell.naps:
                cell.forget()
                _napped(cell)
            cell.used = runtime.host.monotonic()
            if len(mailbox):  # only a cancelled pump leaves any
                for one in mailbox.clear():
                    cell.refuse(one, TransientError("the host is shutting down", code="shutting-down"))
            if not owned:
                cell.ended()

    async def take(self, cell: C, waiting: Waiting, /) -> None:
        """Run one trigger."""
        try:
            await attempt(cell, waiting)
        except BaseException as error:
            await self.broke(cell, waiting, error)

    async def broke(self, cell: C, waiting: Waiting, error: BaseException, /) -> None:
        """A defect of Roost or of the store: nothing is known to be stored, and nobody waits for ever."""
        cell.forget()
        host = cell.runtime.host
        if from_outside(host, error):
            cell.refuse(waiting, TransientError("the host is shutting down", code="shutting-down"))
            raise error
        if host.cancelled():
            await host.uncancel()
        cell.refuse(waiting, hide(cell, waiting.trigger, error))

    async def look(self, cell: C, /) -> None:
        """See what is due."""
        image = cell.image
        try:
            if image is None:
                image = await ready(cell)  # loading looks too
            elif cell.status == "quarantined":
                await disarm(cell)  # a letter came
            else:
                line_up(cell, image)
        except RoostError:
            await cell.rearm_later()
            return
        if not len(cell.mailbox) and cell.status != "quarantined":
            now = cell.runtime.host.now()
            at = image.armed  # early, or nothing: never a tick; in the past: what is under way takes long
            await cell.arm(at if at is None or at > now else now + REARM)

    async def rest(self, cell: C, /) -> bool:
        """Nothing waits any more; False = something came up."""
        return True


def _napped(cell: Cell) -> None:
    for one in cell.naps:
        if not one.done():
            one.set_result(None)
    cell.naps.clear()
