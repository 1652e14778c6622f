"""Figures of one agent since it woke: ticks by kind and outcome, durations, the last error.

They live in memory on purpose: a durable counter would cost every read-only tick a write. `version` in
the status is the durable count of commits.
"""

from __future__ import annotations

from typing import Any

from ..contract.errors import RoostError


class Metrics:
    __slots__ = ("last_error", "longest", "seconds", "since", "ticks")

    def __init__(self, since: float) -> None:
        self.since = since
        self.ticks: dict[tuple[str, str], int] = {}
        self.seconds = 0.0
        self.longest = 0.0
        self.last_error: dict[str, Any] | None = None

    def count(self, kind: str, outcome: str, seconds: float) -> None:
        key = (kind, outcome)
        self.ticks[key] = self.ticks.get(key, 0) + 1
        self.seconds += seconds
        if seconds > self.longest:
            self.longest = seconds

    def failed(self, error: RoostError, at: float) -> None:
        self.last_error = {"code": error.code, "message": error.message, "at": at, "id": error.id}

    def dump(self) -> dict[str, Any]:
        """As shown by the status route; seconds."""
        ticks: dict[str, dict[str, int]] = {}
        for (kind, outcome), n in sorted(self.ticks.items()):
            ticks.setdefault(kind, {})[outcome] = n
        total = sum(self.ticks.values())
        return {
            "since": self.since,
            "ticks": ticks,
            "mean_seconds": self.seconds / total if total else 0.0,
            "longest_seconds": self.longest,
            "last_error": self.last_error,
        }
