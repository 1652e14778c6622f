"""Terms of a host that leases an agent only while it works."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .pump import LeasedPump
from .tenure import Tenure

if TYPE_CHECKING:
    from ...ports import Leases


class Leasing:
    """Fills `Terms`."""

    def __init__(self, leases: Leases) -> None:
        self.leases = leases

    def cells(self) -> tuple[type[Any], Callable[[Any], Coroutine[Any, Any, None]]]:
        return Tenure, LeasedPump().run
