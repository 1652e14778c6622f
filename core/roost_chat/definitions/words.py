"""Durations, sizes and names as definitions write them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES: Final = {
    "": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4,
    "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4,
}  # fmt: skip
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)")
_SIZE: Final = re.compile(r"(\d{1,12})(|k|M|G|T|Ki|Mi|Gi|Ti)")
NAME: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def seconds(value: Any) -> float:
    """`30s`, `1h30m`, or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0:
            raise ValueError("a duration is not negative")
        return float(value)
    if isinstance(value, str) and value:
        total, at = 0.0, 0
        while found := _DURATION.match(value, at):
            total, at = total + float(found[1]) * SECONDS[found[2]], found.end()
        if at == len(value):
            return total
    raise ValueError(f"{value!r} is no duration: 30s, 15m, 2h, 1h30m, 7d, or a number of seconds")


def size(value: Any) -> int:
    """`512Mi`, `1G`, or a number of bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
        return int(found[1]) * BYTES[found[2]]
    raise ValueError(f"{value!r} is no size: 512Mi, 1Gi, 10G, or a number of bytes")


Duration = Annotated[
    float, BeforeValidator(seconds), WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "2h", 90]})
]
Size = Annotated[
    int, BeforeValidator(size), WithJsonSchema({"type": ["string", "integer"], "examples": ["512Mi", "1Gi"]})
]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=63)]
"""Of an agent, which is its kind: lower-case letters, digits and single hyphens."""
