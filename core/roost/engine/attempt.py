"""One trigger out of the mailbox: what must hold before its turn, and what becomes of it without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.errors import Quarantined, RoostError, TransientError
from ..contract.result import TickResult
from ..contract.trigger import ADMIN, NEVER_CREATE, NOTHING, Connect, Occurrence, Trigger
from .due import build, missing
from .inbox import consume, replay
from .mailbox import Waiting
from .quarantine import quarantine, quarantined
from .trouble import note
from .turn import turn
from .waking import ready

if TYPE_CHECKING:
    from .cell import Cell


async def attempt(cell: Cell, waiting: Waiting) -> None:
    """Wake the agent, start it if it is new, and run its turn. RoostErrors are answers; anything else is a defect."""
    trigger = waiting.trigger
    try:
        if trigger.deadline is not None and trigger.deadline <= cell.runtime.host.monotonic():
            raise TransientError("nobody waits for this any more: its deadline passed in the queue", code="deadline")
        image = cell.image or await ready(cell)
        if waiting.letter is not None and waiting.letter.n not in image.letters:
            cell.finish(waiting, TickResult("stale"))  # the agent was destroyed meanwhile
            return
        if trigger.kind in ADMIN:
            from .admin import administer

            await administer(cell, waiting, image)
            return
        if cell.status == "quarantined":
            raise quarantined(cell)
        if trigger.kind in NEVER_CREATE:
            done = missing(image, trigger, cell.runtime.host.now())
            if done is not None:
                if waiting.letter is not None:
                    await consume(cell, waiting.letter, image)
                cell.finish(waiting, done)
                if trigger.kind == "alarm":  # early, since the clock was set back: its alarm is spent, so set another
                    cell.look = True
                return
        elif trigger.kind == "connect" and _connected(cell, trigger):
            cell.finish(waiting, TickResult("value"))
            return
        elif isinstance(trigger.payload, Connect) and cell.runtime.meter is not None:
            cell.runtime.meter.room(image.connections.values(), trigger.caller, trigger.payload.client)
        if trigger.id is not None and trigger.source != "schedule" and await replay(cell, waiting, image):
            return
        if cell.agent is None and trigger.kind != "disconnect":  # its row leaves, whether its hook can run or not
            cell.lent = None
            cell.agent = await build(cell.runtime, cell.kind, image)
        if image.state is None and trigger.kind not in NEVER_CREATE and "on_start" in cell.kind.hooks:
            await _start(cell)
            if (cell.image or await ready(cell)).state is None:
                raise TransientError("the agent could not be started", code="not-started")
            image = cell.image or await ready(cell)
        await turn(cell, waiting, image)
    except Quarantined as error:
        await quarantine(cell, error)
        if waiting.letter is None:
            cell.refuse(waiting, error)
        else:
            cell.queued.discard(waiting.letter.n)
    except RoostError as error:
        note(cell.runtime.log, cell.address, trigger.what, error)
        cell.refuse(waiting, error)
        if _stored(waiting):
            await cell.rearm_later()


def _stored(waiting: Waiting) -> bool:
    """Whether the store keeps it, so that it comes again."""
    return waiting.letter is not None or isinstance(waiting.trigger.payload, Occurrence)


def _connected(cell: Cell, trigger: Trigger) -> bool:
    payload = trigger.payload
    return isinstance(payload, Connect) and cell.image is not None and payload.cid in cell.image.connections


async def _start(cell: Cell) -> None:
    error: list[RoostError] = []

    def done(result: TickResult) -> None:
        if result.error is not None:
            error.append(result.error)

    assert cell.image is not None
    await turn(cell, Waiting(Trigger("start", NOTHING, source="admin"), done), cell.image)
    if error:
        raise error[0]
    cell.runtime.retries.over(cell.address)
