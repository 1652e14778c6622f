"""Agents of Roost itself: they live in the deployment's own store, on every backend, and no route leads to them.

Their kinds hold a dot, which no author's kind may; each loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from ..author.kind import Kind
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


def find(name: str) -> Kind | None:
    """The kind of that name; None: Roost has none."""
    if name == TICKETS:
        from .tickets import Tickets

        return Tickets._kind  # pyright: ignore[reportPrivateUsage]
    if name == AUDIT:
        from .audit import Audit

        return Audit._kind  # pyright: ignore[reportPrivateUsage]
    return None
