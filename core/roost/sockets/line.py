"""The socket under a session, and how a connection is refused on it."""

from __future__ import annotations

from typing import Protocol

from ..contract.errors import RoostError
from ..protocol import frames


class Line(Protocol):
    """The socket under a session. Every method returns at once."""

    def send_text_bytes(self, data: bytes) -> None: ...
    def close(self, code: int, reason: str) -> None: ...
    def pause(self) -> None:
        """Stop reading."""
        ...

    def resume(self) -> None: ...


def refuse(line: Line, error: RoostError) -> None:
    """Refuse a connection that was accepted for this purpose (rule 26)."""
    line.send_text_bytes(frames.refusal(error))
    line.close(frames.close_code(error), error.code)
