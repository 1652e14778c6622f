"""What may differ between two runs of one program, given names: ids, times, attempts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

TIMES: Final = frozenset({
    "at", "due", "next", "updated", "next_wake", "attempts", "version", "sha256", "retry_after",
    "started", "deadline", "ended",
})  # fmt: skip
"""Members that are times, counts of attempts, or made of these. A version is: it also counts the commits of attempts
that failed, and of letters that were delivered twice and ran once."""
HERE: Final = frozenset({"metrics", "quotas", "subscribers", "stored_bytes"})
"""What a host knows of itself."""
_FAULT: Final = re.compile(r"\b[0-9a-f]{16}\b")
_KEY: Final = re.compile(r"p\d+-(\d)-[0-9a-f]+")
_RUN: Final = re.compile(r"x{100,}")
_ID: Final = re.compile(r"\b[0-9a-f]{20,}\b|\b[0-9a-f]{8}-[0-9a-f-]{27}\b")


def named(data: Any) -> Any:
    """`data` with ids replaced by what they are of, and times by whether there is one."""
    if isinstance(data, Mapping):
        found: dict[str, Any] = {}
        for name, value in cast("Mapping[str, Any]", data).items():
            if name in HERE or (name == "status" and isinstance(value, str)):  # asleep or awake, not of an answer
                continue
            found[text(name)] = (value is not None) if name in TIMES else named(value)
        if found.get("kind") == "at" and "ms" in found:  # the spec of a single instant
            found["ms"] = True
        if found.get("target") == "rung" and "args" in found:  # its second argument is when it is due
            found["args"]["args"][1] = found["args"]["args"][1] is not None
        return found
    if isinstance(data, (list, tuple)):
        return [named(one) for one in cast("list[Any]", data)]
    if isinstance(data, str):
        return text(data)
    return data


def text(said: str) -> str:
    """A text with the ids in it named, and long runs of one character told by their length."""
    said = _RUN.sub(lambda run: f"<{run[0][0]} {len(run[0])} times>", said)
    return _ID.sub("<id>", _FAULT.sub("<fault>", _KEY.sub(r"agent\1", said)))
