"""The pump of a host that keeps what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...contract.errors import RoostError
from ..cell import REARM
from ..leased.giving import give_back
from ..leased.pump import LeasedPump, busy_look
from ..quarantine import disarm
from ..waking import line_up, ready
from .held import Held

if TYPE_CHECKING:
    from ...tick.image import Image
    from ..leased.tenure import Tenure
    from ..mailbox import Waiting


class HeldPump(LeasedPump):
    """See the file's head."""

    __slots__ = ()

    async def take(self, tenure: Tenure, waiting: Waiting, /) -> None:
        assert isinstance(tenure, Held)
        if tenure.image is not None:
            tenure.unsure()
        await super().take(tenure, waiting)

    async def look(self, tenure: Tenure, /) -> None:
        assert isinstance(tenure, Held)
        heard, tenure.heard = tenure.heard, []
        if tenure.image is not None:
            tenure.unsure()
        try:
            image = await ready(tenure)
            tenure.unheard = False  # should it fail, a timer looks again
            await tenure.catch_up(image)
        except RoostError as error:
            if error.code == "busy":
                await busy_look(tenure, heard)
            else:
                await tenure.rearm_later()
            return
        if tenure.status == "quarantined":
            tenure.quarantined()
            await disarm(tenure)
            return
        line_up(tenure, image)
        if not len(tenure.mailbox):
            now = tenure.runtime.host.now()
            at = image.armed  # early, or nothing: never a tick; in the past: what is under way takes long
            await tenure.arm(at if at is None or at > now else now + REARM)

    async def rest(self, tenure: Tenure, /) -> bool:
        assert isinstance(tenure, Held)
        if not tenure.dropped:
            holds = tenure.leases.holds(tenure.address)
            if holds and tenure.unheard and tenure.image is not None:
                tenure.look = True
                return False
            if holds == (tenure.image is not None) and not (holds and tenure.leaving):
                return True
            if holds and tenure.image is not None and not tenure.flight:
                return await _leave(tenure, tenure.image)
        return await give_back(tenure)


async def _leave(held: Held, image: Image) -> bool:
    """Nothing waits: give the agent back; False = somebody rang, which must be heard before."""
    leases, address = held.leases, held.address
    try:
        if not await leases.leave(address, image.waiting > 0, image.version, False, True):
            held.look = True
            return False
    except RoostError as error:
        held.runtime.log.warning("%s: could not be given back: %s", address, error.message)
        leases.lost(address)
    held.forget()
    return not (len(held.mailbox) or held.look or held.settled or held.flight)
