"""When a wake that failed is tried again: soon, then less and less often, so that what stays broken costs little."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..contract.address import Address

FIRST: Final = 5.0
"""Seconds of the first pause."""
LONGEST: Final = 300.0
"""Seconds of the longest: how late an agent goes on once it could, if nobody calls it."""
KNOWN: Final = 10_000
"""Agents whose pauses are remembered, those that failed last: memory must not grow with what is broken."""
NEAR: Final = 0.1
"""Seconds by which a timer may come early."""


class Retries:
    """The pauses of one host's agents, beyond their sleep. A host that dies begins anew."""

    __slots__ = ("_pauses",)

    def __init__(self) -> None:
        self._pauses: OrderedDict[Address, tuple[float, float]] = OrderedDict()
        """Address -> (seconds, monotonic time of its end)."""

    def failed(self, address: Address, now: float) -> float:
        """Seconds until the next try. `now`: monotonic. A failure within a pause (somebody called) leaves it."""
        pauses = self._pauses
        seconds, end = pauses.get(address, (0.0, now))
        if end - now > NEAR:
            return end - now
        seconds = min(LONGEST, 2 * seconds) if seconds else FIRST
        pauses[address] = seconds, now + seconds
        pauses.move_to_end(address)
        if len(pauses) > KNOWN:
            pauses.popitem(last=False)
        return seconds

    def pausing(self, address: Address, now: float) -> bool:
        """Whether a pause is not over, so that the next try is on its way."""
        return self._pauses.get(address, (0.0, now))[1] - now > NEAR

    def over(self, address: Address) -> None:
        """It woke."""
        self._pauses.pop(address, None)
