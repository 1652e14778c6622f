"""The pump of a host that shares its store: it takes the agent, or has what waits run where the agent is."""

from __future__ import annotations

from ...contract.errors import RoostError
from ...contract.trigger import Occurrence
from ..cell import REARM
from ..guest_codec import answer_of
from ..mailbox import Waiting
from ..pump import Pump
from ..quarantine import disarm
from ..waking import line_up, ready
from .giving import give_back
from .guests import connection, visit
from .tenure import Tenant


class LeasedPump(Pump[Tenant]):
    """See the file's head."""

    __slots__ = ()

    async def rest(self, tenant: Tenant, /) -> bool:
        return await give_back(tenant)

    async def look(self, tenant: Tenant, /) -> None:
        try:
            image = await ready(tenant)
        except RoostError as error:
            if error.code == "busy":
                await _busy_look(tenant)
            else:
                await tenant.rearm_later()
            return
        if tenant.status == "quarantined":
            await disarm(tenant)
            return
        line_up(tenant, image)
        if not len(tenant.mailbox) and image.armed is not None:  # early: its doorbell is spent, so it needs another
            tenant.was = None
            now = tenant.runtime.host.now()
            await tenant.arm(image.armed if image.armed > now else now + REARM)

    async def take(self, tenant: Tenant, waiting: Waiting, /) -> None:
        durable = waiting.letter is not None or waiting.guest
        if durable and tenant.runtime.host.monotonic() >= tenant.stay:
            _drop(tenant, waiting)
            tenant.dropped = True
            return
        if tenant.lines and not durable and connection(waiting.trigger) in tenant.lines:
            visit(tenant, waiting)
            return
        while tenant.image is None:
            try:
                await ready(tenant)
            except RoostError as error:
                if error.code != "busy":
                    if durable:
                        _drop(tenant, waiting)
                        await tenant.rearm_later()
                    else:
                        tenant.refuse(waiting, error)
                    return
                if await _turned_away(tenant, waiting):
                    return
                tenant.away = 0.0
        if waiting.guest and waiting.guest not in tenant.image.letters:
            _drop(tenant, waiting)  # somebody else ran it, or it was taken back
            return
        await super().take(tenant, waiting)
        await _answer(tenant)
        if not tenant.leases.holds(tenant.address):
            tenant.forget()


async def _busy_look(tenant: Tenant) -> None:
    try:
        if await tenant.leases.ring(tenant.address):
            return  # the holder looks before it leaves
        tenant.away = 0.0
        tenant.tries += 1
        if tenant.tries < 5:
            tenant.look = True
            return
    except RoostError:
        pass
    tenant.tries = 0
    await tenant.rearm_later()


def _drop(tenant: Tenant, waiting: Waiting) -> None:
    """It is in the store: not this time."""
    payload = waiting.trigger.payload
    if waiting.letter is not None or waiting.guest:
        tenant.queued.discard(waiting.letter.n if waiting.letter is not None else waiting.guest)
    elif isinstance(payload, Occurrence):
        tenant.queued.discard((payload.key, payload.gen, payload.due))


async def _turned_away(tenant: Tenant, waiting: Waiting) -> bool:
    """Another host has the agent; False = it has not any more."""
    trigger = waiting.trigger
    if waiting.letter is not None or waiting.guest or isinstance(trigger.payload, Occurrence):
        try:
            if not await tenant.leases.ring(tenant.address):
                return False
        except RoostError:
            await tenant.rearm_later()
        _drop(tenant, waiting)
        return True
    visit(tenant, waiting)
    return True


async def _answer(tenant: Tenant) -> None:
    """Guests that no commit answered."""
    answers, tenant.answers = tenant.answers, []
    for n, result in answers:
        try:
            await tenant.leases.answer(tenant.address, n, answer_of(result))
        except RoostError:
            tenant.forget()  # it stays parked: whoever reads it again answers
            continue
        image = tenant.image
        if image is not None and image.drop(n):
            image.waiting -= 1
