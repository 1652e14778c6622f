"""Readonly actions: on the committed snapshot, without the mailbox, beside any tick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..author.agent import end
from ..contract.errors import RoostError, TransientError
from ..contract.result import TickResult, outcome_of
from ..tick.image import Image
from ..tick.overrun import Overrun, begin, from_outside
from ..tick.perform import perform
from .due import build, load_state
from .failure import hide, overran
from .quarantine import quarantined
from .release import reply
from .run import Run
from .trouble import note
from .waking import ready

if TYPE_CHECKING:
    from .cell import Cell
    from .mailbox import Waiting


async def read(cell: Cell, waiting: Waiting) -> None:
    """A readonly action: on the committed snapshot, beside any tick."""
    runtime, trigger = cell.runtime, waiting.trigger
    host = runtime.host
    started = host.monotonic()
    try:
        if cell.leases is not None:  # as committed, taking no lease
            image = cell.committed() or Image(await cell.runtime.snapshot(cell.address))
        else:
            image = cell.image or await ready(cell)
        if cell.status == "quarantined":
            raise quarantined(cell)
        result = await _run(cell, waiting, image)
    except RoostError as error:
        note(cell.runtime.log, cell.address, trigger.what, error)
        result = TickResult(outcome_of(error), error=error)
    except BaseException as error:
        if from_outside(host, error):  # whoever waits must learn it
            cell.refuse(waiting, TransientError("the host is shutting down", code="shutting-down"))
            raise
        result = TickResult("agent-error", error=hide(cell, trigger, error))
    if host.cancelled():
        await host.uncancel()
    cell.used = now = host.monotonic()
    result.duration = now - started
    cell.metrics.count("call", result.outcome, result.duration)
    await reply(cell, waiting, result)


async def _run(cell: Cell, waiting: Waiting, image: Image) -> TickResult:
    kind, action = cell.kind, waiting.action
    assert action is not None
    run = Run(cell, waiting, image, readonly=True)
    tick = run.tick
    state, version = image.state, image.state_version  # ticks go on beside this, and change the image
    agent = await build(cell.runtime, kind, image)
    agent._tick = tick  # pyright: ignore[reportPrivateUsage]
    tick.live = run.live
    host = cell.runtime.host
    try:
        found = begin(host, host.monotonic(), run.seconds, perform(agent, tick, waiting, run.breathe), run.blocked)
        value = found[0] if isinstance(found, tuple) else await found
    except Overrun as overrun:
        raise overran(cell, waiting.trigger, run.seconds, overrun) from None
    finally:
        tick.open = False
        tick.live = None
    raw = kind.to_bytes(agent.state, warnings=False)
    end(agent)
    if raw != (state or kind.default) and raw != kind.to_bytes(load_state(kind, state, version)):
        tick.open = True
        tick.put("state", None)  # raises the same error as any other write
    assert isinstance(value, bytes)
    return TickResult("value", value, version=image.version, next_wake=image.due)
