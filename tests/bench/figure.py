"""A figure and how it is printed: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass


class BenchFailed(Exception):
    """Something measured went wrong, so that no figure of this run counts."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a figure is to be compared with, measured in the same run."""

    bench: str
    value: float


def show(
    bench: str,
    value: float,
    unit: str,
    *,
    p50_ms: float | None = None,
    p99_ms: float | None = None,
    beside: Beside | None = None,
    **more: float,
) -> None:
    """Print it. `more`: members of its own, such as the CPU time of a call in microseconds."""
    line: dict[str, float | str] = {"bench": bench, "value": rounded(value), "unit": unit}
    if p50_ms is not None:
        line["p50_ms"] = round(p50_ms, 3)
    if p99_ms is not None:
        line["p99_ms"] = round(p99_ms, 3)
    if beside is not None:
        line |= {"beside": beside.bench, "beside_value": rounded(beside.value)}
        if beside.value:
            line["ratio"] = round(value / beside.value, 3)
    print(json.dumps(line | {name: rounded(one) for name, one in more.items()}), flush=True)


def rounded(value: float) -> float:
    """No more digits than mean something: whole from 100, three places below."""
    return round(value) if abs(value) >= 100 or value == int(value) else round(value, 3)
