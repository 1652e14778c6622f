"""What Roost's own agents are called, and what asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from ..ports import Courier, Host

MARK: Final = "roost."
TICKETS: Final = "roost.tickets"
AUDIT: Final = "roost.audit"
TICKET: Final = "rt_"
"""What the text of a ticket begins with."""


class Asks(Protocol):
    """The runtime, as who asks these agents needs it."""

    @property
    def host(self) -> Host: ...
    @property
    def courier(self) -> Courier: ...
