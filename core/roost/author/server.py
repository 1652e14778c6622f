"""What serves an app in this process, as code outside any agent needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..contract.address import Address
    from ..contract.result import TickResult
    from ..contract.trigger import Trigger
    from ..ports import Host


class Server(Protocol):
    """Runs triggers."""

    @property
    def host(self) -> Host: ...
    async def dispatch(
        self, address: Address, trigger: Trigger, live: Callable[[bytes, bytes], None] | None = None
    ) -> TickResult: ...
