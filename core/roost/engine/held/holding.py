"""Terms of a host that keeps what it took as long as it is sure of itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .held import Held
from .pump import HeldPump

if TYPE_CHECKING:
    from ...ports import Holds


class Holding:
    """Fills `Terms`."""

    def __init__(self, leases: Holds) -> None:
        self.leases = leases

    def cells(self) -> tuple[type[Any], Callable[[Any], Coroutine[Any, Any, None]]]:
        return Held, HeldPump().run
