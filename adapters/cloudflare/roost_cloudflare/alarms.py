"""The port `Alarms`: the one alarm of an object, set only when what is due comes earlier than it.

Setting an alarm is paid like a row, so one that is early is left: the object wakes, finds nothing due and arms
itself for what is. Memory knows when the alarm is; after a wake the platform is asked once.
"""

from __future__ import annotations

from roost.address import Address

from . import interop


class ObjectAlarms:
    """The alarm of the object of one agent."""

    def __init__(self, ctx: interop.Js) -> None:
        self._ctx = ctx
        self._at: float | None = None
        self._asked = False
        self.sets = 0

    async def arm(self, address: Address, at: float | None) -> None:
        if at is None:
            return
        if not self._asked:
            self._asked = True
            self._at = await interop.get_alarm(self._ctx)
        if self._at is None or at < self._at:
            self._at = at
            self.sets += 1
            await interop.set_alarm(self._ctx, at)

    def fired(self) -> None:
        """The platform's alarm is spent."""
        self._at, self._asked = None, True
