"""One run of one trigger: what it is given, and for how long. Prepared here, whatever runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..tick.tick import Tick
from .chunks import flush, live
from .viewing import made

if TYPE_CHECKING:
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting


class Run:
    """See the file's head. What a handler asks of it while it runs goes to its cell."""

    __slots__ = ("cell", "image", "seconds", "started", "tick", "waiting")

    def __init__(self, cell: Cell, waiting: Waiting, image: Image, readonly: bool = False) -> None:
        self.cell = cell
        self.waiting = waiting
        self.image = image
        runtime, trigger, letter, action = cell.runtime, waiting.trigger, waiting.letter, waiting.action
        host, limits = runtime.host, runtime.limits
        at = host.now()
        if at < image.at:
            at = image.at
        tick = self.tick = Tick(
            cell.kind, image, trigger, at, host.entropy(), limits, runtime.store,
            readonly, 1 if letter is None else letter.attempts + 1,
        )  # fmt: skip
        seconds = limits.max_tick
        if action is not None and (own := action.options.timeout) is not None and own < seconds:
            seconds = own
        started = self.started = host.monotonic()
        """By `Host.monotonic`."""
        if trigger.deadline is not None:
            seconds = max(0.0, min(seconds, trigger.deadline - started))
        self.seconds = seconds
        """Until its deadline."""
        tick.deadline = started + seconds

    def live(self, raw: bytes) -> None:
        """The handler has made a chunk."""
        live(self.cell, self.tick, self.waiting, raw)

    async def breathe(self) -> None:
        """Between two chunks: send what waits and let the loop run, lest a stream that never waits starves the host
        and can't be cancelled."""
        await flush(self.cell)
        await self.cell.runtime.host.sleep(0)

    def blocked(self, seconds: float) -> None:
        """The handler kept everybody waiting."""
        self.cell.runtime.log.warning(
            "%s %s blocked the host for %.2f s: nothing else ran. Await instead, or move the work to a thread",
            self.cell.address, self.waiting.trigger.what, seconds,
        )  # fmt: skip

    def show(self, raw: bytes) -> bytes:
        """The view of a state that is about to be stored. AgentError: it failed."""
        kind, tick = self.cell.kind, self.tick
        return made(self.cell.runtime, kind, tick.address, tick.at, tick.rows_after(), raw, kind.state_version)
