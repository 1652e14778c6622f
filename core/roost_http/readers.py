"""How many may follow logs at once: of one agent, and as one caller. Each costs memory for as long as it stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from typing import Final

from roost.contract.address import Address
from roost.contract.errors import LimitExceeded

OF_AGENT: Final = 1000
OF_CALLER: Final = 250


class Readers:
    """Those of one server."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: Counter[Hashable] = Counter()

    @contextmanager
    def one(self, address: Address, caller: str) -> Generator[None]:
        """Takes a seat at the agent and one of the caller while the block runs. `caller`: a principal, or the remote
        address of a caller without a name. LimitExceeded `readers`."""
        seats = ((address, OF_AGENT, str(address)), (caller, OF_CALLER, "this caller"))
        for seat, most, name in seats:
            if self._open[seat] >= most:
                raise LimitExceeded(
                    f"{name} has {most} readers of logs open, which is the limit", limit="readers", retry_after=5.0
                )
        for seat, _, _ in seats:
            self._open[seat] += 1
        try:
            yield
        finally:
            for seat, _, _ in seats:
                self._open[seat] -= 1
                if not self._open[seat]:
                    del self._open[seat]
