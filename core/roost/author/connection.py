"""A connection as the agent's code sees it during a tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..contract.caller import caller_of
from ..contract.commit import Row
from ..contract.legible import read
from ..contract.trigger import Caller

if TYPE_CHECKING:
    from .effects import Effects


class Connection:
    """One open WebSocket. Sends and closes leave with the commit; the attachment commits with it."""

    __slots__ = ("_row", "_tick", "query")

    def __init__(self, tick: Effects, row: Row, query: Mapping[str, str] | None = None) -> None:
        self._tick = tick
        self._row = row
        self.query: Mapping[str, str] = query or {}
        """The handshake's query; only while `on_connect` runs. Without what is named like a secret (token, ticket,
        ...): that is for the auth hook alone."""

    @property
    def id(self) -> str:
        """Unique and ours; the client's `_pk` is only `label`."""
        return self._row.cid

    @property
    def label(self) -> str:
        """What the client calls itself (`_pk`); any client may claim any label."""
        return self._row.label

    @property
    def caller(self) -> Caller | None:
        """Who the auth hook said is connected."""
        return caller_of(self._row.principal, self._row.claims)

    @property
    def attachment(self) -> Any:
        """JSON data kept with the connection; None at first. At most `Limits.attachment` bytes."""
        data = self._tick.row(self._row).attachment
        return None if data is None else read(data, f"the attachment of connection {self._row.cid}")

    @attachment.setter
    def attachment(self, value: Any) -> None:
        self._tick.attach(self._row, value)

    def send(self, data: Any, /) -> None:
        """Send a frame after the commit: str as text, bytes as binary, anything else as JSON text."""
        self._tick.send((self._row.cid,), data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close after the commit. `code` is 1000 or 3000-4999."""
        self._tick.hang_up(self._row.cid, code, reason)

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.label!r}>"
