"""A gap in a connection's numbered frames (rule 16): how long it may last, and how much may wait behind it."""

from __future__ import annotations

from typing import Final

from ..contract.errors import Rejected

GAP_SECONDS: Final = 5.0
"""How long a missing numbered frame is waited for."""
GAP_FRAMES: Final = 1000
GAP_BYTES: Final = 1 << 20
"""Frames kept behind a gap, and their length: what our client may have under way where frames overtake."""
FRAME_GAP: Final = 3008
"""Close code `frame-gap`: not terminal, our client reconnects and sends again."""


def too_much(waiting: int, size: int) -> bool:
    """Whether a gap ends the connection at once: `waiting` frames of `size` bytes are behind it."""
    return waiting > GAP_FRAMES or size > GAP_BYTES


def frame_gap(seq: int, *, crowded: bool) -> Rejected:
    """Why a connection ends: frame `seq` is missing, and too much waits behind it (`crowded`), or for too long."""
    why = (
        f"frame {seq} is missing, and more than {GAP_FRAMES} frames or {GAP_BYTES >> 20} MiB wait behind it"
        if crowded
        else f"frame {seq} did not come within {GAP_SECONDS:.0f} s"
    )
    return Rejected(f"{why}; reconnect and send again", code="frame-gap", status=409)
