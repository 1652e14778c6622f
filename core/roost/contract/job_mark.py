"""What tells whether a job went on since it was looked at."""

from __future__ import annotations

from typing import NamedTuple


class JobMark(NamedTuple):
    """What a live job was like: another claim or bell, and something happened since."""

    uid: str
    claim: int
    bell: int
