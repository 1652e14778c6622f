"""Giving an agent back (rule 10): once nothing waits, or what waits is left to another host.

A lease, as one host sees it (`Leases.holds`, `Leases.sure`):

    away     another host has the agent, or none        taken by `Tenure.fetch`, a load
    held     this host has it                           renewed by `renewal`; given back here, or in a commit (`seal`)
    unsure   held, but by this host's clock another may have taken it: nothing is sent (`Tenure.overtaken`)
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
    from .tenure import Tenure

DECLINES: Final = 8
"""Times that who rings meanwhile is still told that the agent can't be loaded; then the agent is given back."""


async def give_back(tenure: Tenure) -> bool:
    """Nothing waits any more: give the agent back; False = something came up meanwhile."""
    leases, address = tenure.leases, tenure.address
    if tenure.flight:
        tenure.landed = tenure.runtime.host.future()
        await tenure.landed
        tenure.landed = None
        return False
    if not leases.holds(address):
        tenure.forget()
        if tenure.dropped:
            tenure.dropped = False
            await _call(tenure)
        return _done(tenure)
    image = tenure.image
    if image is None and tenure.failed:  # reading it again would run again what has just failed
        try:
            await _leave(tenure, True, tenure.shown, force=True)
        except RoostError as error:
            tenure.runtime.log.warning("%s: could not be given back: %s", address, error.message)
            leases.lost(address)
        return _done(tenure)
    if image is None and not tenure.dropped:
        await _retake(tenure)
        return False
    try:
        if image is None:  # reading it again would bring back what was dropped
            await _hand_over(tenure, tenure.shown)
            return _done(tenure)
        late = tenure.dropped or tenure.runtime.host.monotonic() >= tenure.stay
        if not tenure.dropped and await _leave(tenure, image.waiting > 0, image.version):
            tenure.forget()
            return _done(tenure)
        if leases.holds(address) and not late:
            await _gather(tenure, image)
            return False
        await _hand_over(tenure, image.version)
    except RoostError as error:
        tenure.runtime.log.warning("%s: could not be given back: %s", address, error.message)
        leases.lost(address)
    tenure.forget()
    return _done(tenure)


async def _hand_over(tenure: Tenure, released: int) -> None:
    """Leave letters to another host. A doorbell before would find the agent held; should this host die before it
    rings, the one that each first letter sent for the lease's end does."""
    tenure.dropped = False
    await _leave(tenure, True, released, force=True)
    await _call(tenure)


async def _leave(tenure: Tenure, left: bool, released: int, *, force: bool = False) -> bool:
    belled = await tenure.bell()
    return await tenure.leases.leave(tenure.address, left, released, force, belled)


async def _call(tenure: Tenure) -> None:
    try:
        await tenure.leases.call(tenure.address, 0.0)
    except RoostError as error:  # the bell is on: its own doorbell comes later
        tenure.runtime.log.warning("%s: no doorbell: %s", tenure.address, error.message)


def _done(tenure: Tenure) -> bool:
    return not (len(tenure.mailbox) or tenure.look or tenure.settled or tenure.flight)


async def _retake(tenure: Tenure) -> None:
    """The image was dropped, the lease not: read it again, for what it owes. If it can't be read, give it back."""
    try:
        tenure.away = 0.0
        await ready(tenure)
    except RoostError as error:
        await _decline_all(tenure, error)


async def _decline_all(tenure: Tenure, error: RoostError) -> None:
    """The agent can't be loaded here, and is given back: a lease that does nothing keeps other hosts waiting. The hosts
    whose triggers are parked are told why; tells stay for a host that can load it."""
    leases, address = tenure.leases, tenure.address
    try:
        for _ in range(DECLINES):
            await _decline(tenure, error)
            if await _leave(tenure, True, tenure.shown):
                return
        await _leave(tenure, True, tenure.shown, force=True)
    except RoostError as problem:
        tenure.runtime.log.warning("%s: could not be given back: %s", address, problem.message)
        leases.lost(address)


async def _decline(tenure: Tenure, error: RoostError) -> None:
    answer = answer_of(failed(error))
    try:
        for letter in await tenure.runtime.store.parked(tenure.address, 0, LETTERS):
            if letter.forwarded is not None:
                await tenure.leases.answer(tenure.address, letter.n, answer)
    except Exception as problem:  # letters of a newer schema may not be readable at all
        tenure.runtime.log.warning("%s: who waits for it could not be told: %s", tenure.address, problem)


async def _gather(tenure: Tenure, image: Image) -> None:
    """The bell rang: read the letters, look what is due."""
    now = tenure.runtime.host.now()
    late = False
    found = await tenure.runtime.store.parked(tenure.address, 0, LETTERS)
    if len(found) >= LETTERS:  # there may be more, and only a load counts them: none may be left uncounted
        tenure.forget()
        tenure.look = True
        return
    for letter in found:
        if letter.n not in image.letters:
            image.keep(letter)
            image.waiting += 1
            late = late or letter.next > now
    if late and image.due != image.earliest():
        image.due = image.earliest()
        image.settle((), now)
        await tenure.runtime.store.arm(tenure.address, image.armed)
        await tenure.arm(image.armed)
    line_up(tenure, image)
