"""The pump of a host that shares its store: it takes the agent, or has what waits run where the agent is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...contract.errors import RoostError
from ...contract.trigger import Occurrence
from ..guest_codec import answer_of
from ..mailbox import Waiting
from ..pump import Pump
from ..quarantine import disarm
from ..waking import line_up, ready
from .giving import give_back
from .guests import run_as_guest
from .parked_frames import connection
from .tenure import Tenure

if TYPE_CHECKING:
    from ...tick.image import Image


class LeasedPump(Pump[Tenure]):
    """See the file's head."""

    __slots__ = ()

    async def rest(self, tenure: Tenure, /) -> bool:
        return await give_back(tenure)

    async def look(self, tenure: Tenure, /) -> None:
        heard, tenure.heard = tenure.heard, []
        if tenure.image is not None and not tenure.leases.holds(tenure.address):
            tenure.forget()  # what it held may be another host's by now: an old image must not say when it is woken
        try:
            image = await ready(tenure)
        except RoostError as error:
            if error.code == "busy":
                await busy_look(tenure, heard)
            else:
                await tenure.rearm_later()
            return
        if tenure.status == "quarantined":
            await disarm(tenure)
            return
        line_up(tenure, image)
        armed, now = image.armed, tenure.runtime.host.now()
        if armed is None:
            return
        if armed <= now:
            if not len(tenure.mailbox):
                await _late(tenure, image, now)
        elif armed in heard or None in heard:  # early: its doorbell is spent, so it needs another
            tenure.belled = None
            await tenure.arm(armed)

    async def broke(self, tenure: Tenure, waiting: Waiting, error: BaseException, /) -> None:
        await super().broke(tenure, waiting, error)
        if waiting.letter is not None or isinstance(waiting.trigger.payload, Occurrence):
            tenure.failed = True
            await tenure.rearm_later()

    async def take(self, tenure: Tenure, waiting: Waiting, /) -> None:
        durable = waiting.letter is not None or waiting.parked_as
        if tenure.failed and (durable or isinstance(waiting.trigger.payload, Occurrence)):
            _drop(tenure, waiting)
            return
        if durable and (tenure.dropped or tenure.runtime.host.monotonic() >= tenure.stay):  # nor those behind them
            _drop(tenure, waiting)
            tenure.dropped = True
            return
        if tenure.lines and not durable and connection(waiting.trigger) in tenure.lines:
            run_as_guest(tenure, waiting)
            return
        while tenure.image is None:
            try:
                await ready(tenure)
            except RoostError as error:
                if error.code != "busy":
                    if durable:
                        _drop(tenure, waiting)
                        await tenure.rearm_later()
                    else:
                        tenure.refuse(waiting, error)
                    return
                if await _turned_away(tenure, waiting):
                    return
                tenure.away = 0.0
        if waiting.parked_as and waiting.parked_as not in tenure.image.letters:
            _drop(tenure, waiting)  # another host ran it, or it was taken back
            return
        if tenure.jumbled and waiting.parked_as:
            waiting = _in_turn(tenure, waiting)
        await super().take(tenure, waiting)
        await _answer(tenure)
        if not tenure.leases.holds(tenure.address):
            tenure.forget()


async def _late(tenure: Tenure, image: Image, now: float) -> None:
    """It should have been woken by now, and nothing is due: what is under way takes long, or was settled elsewhere."""
    at = image.settle((), now)
    if at is not None and at <= now:
        tenure.rearm_soon()
        return
    try:
        await tenure.runtime.store.arm(tenure.address, at)
        await tenure.arm(at)
    except RoostError:
        await tenure.rearm_later()


async def busy_look(tenure: Tenure, heard: list[float | None]) -> None:
    """Another host has the agent: it is made to look."""
    wakes = set(heard)
    try:
        if await tenure.leases.ring(tenure.address, None if len(wakes) > 1 else wakes.pop() if wakes else 0.0):
            return  # the holder looks before it leaves
        tenure.away = 0.0
        tenure.tries += 1
        if tenure.tries < 5:
            tenure.look = True
            tenure.heard += heard
            return
    except RoostError:
        pass
    tenure.tries = 0
    await tenure.rearm_later()


def _drop(tenure: Tenure, waiting: Waiting) -> None:
    """It is in the store: not this time."""
    payload = waiting.trigger.payload
    if waiting.parked_as:
        tenure.jumble(waiting)
    if waiting.letter is not None or waiting.parked_as:
        tenure.queued.discard(waiting.letter.n if waiting.letter is not None else waiting.parked_as)
    elif isinstance(payload, Occurrence):
        tenure.queued.discard((payload.key, payload.gen, payload.due))


def _in_turn(tenure: Tenure, waiting: Waiting) -> Waiting:
    """The first of the parked frames of its connection: one that was not run at its turn was read again, behind those
    that came after it. They are put in line as they were parked."""
    cid, lane = connection(waiting.trigger), waiting.trigger.lane
    if cid not in tenure.jumbled:
        return waiting
    tenure.jumbled.discard(cid)
    line = tenure.mailbox.withdraw(
        lambda one: bool(one.parked_as) and connection(one.trigger) == cid and one.trigger.lane == lane
    )
    first, *others = sorted([waiting, *line], key=lambda one: one.parked_as)
    for one in others:
        tenure.mailbox.put(one)
    return first


async def _turned_away(tenure: Tenure, waiting: Waiting) -> bool:
    """Another host has the agent; False = it has not any more."""
    trigger = waiting.trigger
    if waiting.letter is not None or waiting.parked_as or isinstance(trigger.payload, Occurrence):
        try:
            if not await tenure.leases.ring(tenure.address, 0.0):
                return False
        except RoostError:
            await tenure.rearm_later()
        _drop(tenure, waiting)
        return True
    run_as_guest(tenure, waiting)
    return True


async def _answer(tenure: Tenure) -> None:
    """Guests that no commit answered."""
    answers, tenure.answers = tenure.answers, []
    for n, result in answers:
        try:
            await tenure.leases.answer(tenure.address, n, answer_of(result))
        except RoostError:
            tenure.forget()  # it stays parked: the host that reads it again answers
            continue
        image = tenure.image
        if image is not None and image.drop(n):
            image.waiting -= 1
