"""What `view()` has in its hands: the committed snapshot, and nothing that acts or waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from ..contract.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..contract.address import Address
    from ..contract.commit import Row

DOORS: Final = {"trigger": "caller", "reader": "events", "put": "kv.put", "frame": "send", "attach": "attachment"}
"""Members of a tick whose name for authors is another."""


class Glimpse:
    """Stands where a tick does while a view is made."""

    __slots__ = ("_rows", "address", "at")

    def __init__(self, address: Address, at: float, rows: Iterable[Row]) -> None:
        self.address = address
        self.at = at
        """Epoch seconds of the snapshot's commit."""
        self._rows = rows

    def connections(self) -> list[Row]:
        """The open ones, oldest first."""
        return sorted(self._rows, key=lambda r: (r.opened, r.cid))

    def row(self, row: Row) -> Row:
        """The row as committed."""
        return row

    def over(self, what: str) -> AgentError:
        """The error of a door that is no view's."""
        return closed_to_views(what.removeprefix("self."))

    def __getattr__(self, name: str) -> NoReturn:
        raise closed_to_views(DOORS.get(name, name))


def closed_to_views(what: str) -> AgentError:
    """The error of a door that is no view's."""
    return AgentError(
        f"view() may not use `{what}`: it shows a committed state to whoever asks, and has only self.state, self.key, "
        "self.now, self.config, self.connections and self.log",
        code="bad-view",
    )
