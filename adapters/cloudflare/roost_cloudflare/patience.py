"""How long the body of a request may take to come: an object that waits for one does not sleep, and is paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from roost.contract.errors import Rejected

from . import interop

T = TypeVar("T")
BODY: Final = 30.0
"""Seconds in which a body that is waited for ends, or goes on by at least `RATE` for so long. The local server's."""
RATE: Final = 512
"""Bytes a second."""


class Patience:
    """With the body of one request. One timer: made when the body is first waited for, gone when `end` is called."""

    __slots__ = ("_came", "_longest", "_task", "_timer", "late", "seconds")

    def __init__(self, whole: int, seconds: float | None = None) -> None:
        """`whole`: bytes that come as one piece, without being seen before; 0: pieces."""
        self.seconds = BODY if seconds is None else seconds
        self._longest = max(self.seconds, whole / RATE)
        self._came = 0
        self._task: asyncio.Task[object] | None = None
        self._timer: interop.Timeout | None = None
        self.late = False
        """It was over while the body was waited for."""

    async def wait(self, coming: Awaitable[T]) -> T:
        """What comes. OSError: too late; or the client went away."""
        if self.late:
            raise OSError("too late")
        if self._timer is None:
            self._timer = interop.Timeout(self._longest, self._over)
        task = self._task = asyncio.current_task()
        try:
            return await coming
        except asyncio.CancelledError:
            if not self.late or task is None or task.uncancel() > 0:
                raise
            raise OSError("too late") from None
        finally:
            self._task = None

    def came(self, size: int) -> None:
        """So many bytes did."""
        self._came += size

    def _over(self) -> None:
        """Whoever reads slowly, or brought enough, goes on."""
        self._timer = None
        if self._task is None:
            return
        if self._came >= RATE * self.seconds:
            self._came = 0
            self._timer = interop.Timeout(self.seconds, self._over)
        else:
            self.late = True
            self._task.cancel()

    def end(self) -> None:
        """The body is there, or nobody waits for it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def refusal(self) -> Rejected:
        why = f"less than {RATE} bytes a second of the body came in {self._longest:g} s"
        return Rejected(why, code="body-timeout", status=408)
