"""Giving an agent back (rule 10): once nothing waits, or whoever waits is left to another host.

A lease, as one host sees it (`Leases.holds`, `Leases.sure`):

    away     somebody else has the agent, or nobody     taken by `Tenant.fetch`, a load
    held     this host has it                           renewed by `renewal`; given back here, or in a commit (`seal`)
    unsure   held, but by this host's clock another may have taken it: nothing is sent (`Tenant.overtaken`)
    lost     a commit found it taken (Fenced), or the store can't be asked: `Leases.lost`, and it ends by itself
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...contract.commit import LETTERS
from ...contract.errors import RoostError
from ...contract.result import failed
from ..guest_codec import answer_of
from ..waking import line_up, ready

if TYPE_CHECKING:
    from ...tick.image import Image
    from .tenure import Tenant

DECLINES: Final = 8
"""Times that who rings meanwhile is still told that the agent can't be loaded; then the agent is given back."""


async def give_back(tenant: Tenant) -> bool:
    """Nothing waits any more: give the agent back; False = something came up meanwhile."""
    leases, address = tenant.leases, tenant.address
    if tenant.flight:
        tenant.landed = tenant.runtime.host.future()
        await tenant.landed
        tenant.landed = None
        return False
    if not leases.holds(address):
        tenant.forget()
        if tenant.dropped:
            tenant.dropped = False
            await _call(tenant)
        return _done(tenant)
    image = tenant.image
    if image is None and not tenant.dropped:
        await _retake(tenant)
        return False
    try:
        if image is None:  # reading it again would bring back what was dropped
            await _hand_over(tenant, tenant.shown)
            return _done(tenant)
        late = tenant.dropped or tenant.runtime.host.monotonic() >= tenant.stay
        if not tenant.dropped and await leases.leave(address, image.waiting > 0, image.version, False):
            tenant.forget()
            return _done(tenant)
        if leases.holds(address) and not late:
            await _gather(tenant, image)
            return False
        await _hand_over(tenant, image.version)
    except RoostError as error:
        tenant.runtime.log.warning("%s: could not be given back: %s", address, error.message)
        leases.lost(address)
    tenant.forget()
    return _done(tenant)


async def _hand_over(tenant: Tenant, released: int) -> None:
    """Leave letters to another host. A doorbell before would find the agent held; should this host die before it
    rings, the one that each first letter sent for the lease's end does."""
    tenant.dropped = False
    await tenant.leases.leave(tenant.address, True, released, True)
    await _call(tenant)


async def _call(tenant: Tenant) -> None:
    try:
        await tenant.leases.call(tenant.address, 0.0)
    except RoostError as error:  # the bell is on: its own doorbell comes later
        tenant.runtime.log.warning("%s: no doorbell: %s", tenant.address, error.message)


def _done(tenant: Tenant) -> bool:
    return not (len(tenant.mailbox) or tenant.look or tenant.settled or tenant.flight)


async def _retake(tenant: Tenant) -> None:
    """The image was dropped, the lease not: read it again, for what it owes. If it can't be read, give it back."""
    try:
        tenant.away = 0.0
        await ready(tenant)
    except RoostError as error:
        await _decline_all(tenant, error)


async def _decline_all(tenant: Tenant, error: RoostError) -> None:
    """The agent can't be loaded here: nobody waits for the end of a lease that does nothing. Who parked a trigger
    and waits is told why; tells stay for whoever can load it."""
    leases, address = tenant.leases, tenant.address
    try:
        for _ in range(DECLINES):
            await _decline(tenant, error)
            if await leases.leave(address, True, tenant.shown, False):
                return
        await leases.leave(address, True, tenant.shown, True)
    except RoostError as problem:
        tenant.runtime.log.warning("%s: could not be given back: %s", address, problem.message)
        leases.lost(address)


async def _decline(tenant: Tenant, error: RoostError) -> None:
    answer = answer_of(failed(error))
    try:
        for letter in await tenant.runtime.store.parked(tenant.address, 0, LETTERS):
            if letter.trigger is not None:
                await tenant.leases.answer(tenant.address, letter.n, answer)
    except Exception as problem:  # letters of a newer schema may not be readable at all
        tenant.runtime.log.warning("%s: who waits for it could not be told: %s", tenant.address, problem)


async def _gather(tenant: Tenant, image: Image) -> None:
    """Somebody rang: read the letters, look what is due."""
    now = tenant.runtime.host.now()
    late = False
    found = await tenant.runtime.store.parked(tenant.address, 0, LETTERS)
    if len(found) >= LETTERS:  # there may be more, and only a load counts them: none may be left uncounted
        tenant.forget()
        tenant.look = True
        return
    for letter in found:
        if letter.n not in image.letters:
            image.keep(letter)
            image.waiting += 1
            late = late or letter.next > now
    if late and image.due != image.earliest():
        image.due = image.earliest()
        image.settle((), now)
        await tenant.runtime.store.arm(tenant.address, image.armed)
        await tenant.runtime.alarms.arm(tenant.address, image.armed)
    line_up(tenant, image)
