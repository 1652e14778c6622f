"""Terms of a host that owns its agents: nobody else can have them while it lives."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from .cell import Cell
from .pump import Pump


class Owning:
    """Fills `Terms`."""

    leases: None = None

    def cells(self) -> tuple[type[Any], Callable[[Any], Coroutine[Any, Any, None]]]:
        return Cell, Pump[Cell]().run
