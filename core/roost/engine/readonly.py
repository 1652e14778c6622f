"""Readonly actions: on the committed snapshot, without the mailbox, beside any tick."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..author.agent import end
from ..contract.errors import RoostError, TransientError
from ..contract.result import TickResult, outcome_of
from ..tick.overrun import Overrun, from_outside, within
from ..tick.perform import perform
from ..tick.tick import Stamp, Tick
from .due import load_state
from .quarantine import quarantined
from .release import breathe, live, reply
from .trouble import note
from .turn import blocking, hide, overran

if TYPE_CHECKING:
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting


async def read(cell: Cell, waiting: Waiting) -> None:
    """A readonly action: on the committed snapshot, beside any tick."""
    runtime, trigger = cell.runtime, waiting.trigger
    started = runtime.host.monotonic()
    try:
        image = await cell.glance()
        if cell.status == "quarantined":
            raise quarantined(cell)
        result = await _run(cell, waiting, image)
    except RoostError as error:
        note(cell, trigger.what, error)
        result = TickResult(outcome_of(error), error=error)
    except BaseException as error:
        if from_outside(runtime.host, error):  # whoever waits must learn it
            cell.refuse(waiting, TransientError("the host is shutting down", code="shutting-down"))
            raise
        result = TickResult("agent-error", error=hide(cell, trigger, error))
    if runtime.host.cancelled():
        await runtime.host.uncancel()
    result.duration = runtime.host.monotonic() - started
    cell.metrics.count("call", result.outcome, result.duration)
    cell.used = runtime.host.monotonic()
    await reply(cell, waiting, result)


async def _run(cell: Cell, waiting: Waiting, image: Image) -> TickResult:
    runtime = cell.runtime
    stamp = Stamp(max(runtime.host.now(), image.at), runtime.host.entropy())
    tick = Tick(cell.kind, image, waiting.trigger, stamp, runtime.limits, runtime.store, readonly=True)
    assert waiting.action is not None
    seconds = min(runtime.limits.max_tick, waiting.action.options.timeout or runtime.limits.max_tick)
    started = runtime.host.monotonic()
    if waiting.trigger.deadline is not None:
        seconds = max(0.0, min(seconds, waiting.trigger.deadline - started))
    tick.deadline = started + seconds
    state, version = image.state, image.state_version  # ticks go on beside this, and change the image
    agent = await cell.build(image)
    agent._tick = tick  # pyright: ignore[reportPrivateUsage]
    tick.live = partial(live, cell, tick, waiting)
    try:
        handler = perform(agent, tick, waiting, partial(breathe, cell))
        value = await within(runtime.host, seconds, handler, partial(blocking, cell, waiting.trigger))
    except Overrun as overrun:
        raise overran(cell, waiting.trigger, seconds, overrun) from None
    finally:
        tick.open = False
        tick.live = None
    raw = cell.kind.to_bytes(agent.state, warnings=False)
    end(agent)
    if raw != (state or cell.kind.default) and raw != cell.kind.to_bytes(load_state(cell.kind, state, version)):
        tick.open = True
        tick.put("state", None)  # raises the same error as any other write
    assert isinstance(value, bytes)
    return TickResult("value", value, version=image.version, next_wake=image.due)
