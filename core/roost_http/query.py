"""Query parameters and the headers that carry a value: each refusal names the one that was wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from roost.contract.errors import Rejected

FIELDS: Final = 100
"""Query parameters of one request, most."""
_NUMBER: Final = re.compile(r"[0-9]{1,15}\Z")
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z")


def parse(query: bytes) -> dict[str, str]:
    """The parameters; Rejected 400 when one is given twice or is no UTF-8."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:
        raise Rejected(
            "the query can't be read: it is not percent-encoded UTF-8, or too long", code="bad-query"
        ) from None
    out: dict[str, str] = {}
    for name, value in pairs:
        if name in out:
            raise bad(name, "it is given twice")
        out[name] = value
    return out


def loose(query: bytes) -> dict[str, str]:
    """The parameters of a query that is the author's, or a stranger's: the last of one given twice."""
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}


def bad(name: str, why: str) -> Rejected:
    """422 that names the parameter."""
    return Rejected(f"the parameter {name[:100]!r} is wrong: {why}", code="bad-parameter", status=422)


def number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds."""
    given = query.get(name)
    if given is None:
        return default
    if not _NUMBER.match(given) or not low <= int(given) <= high:
        raise bad(name, f"it must be a whole number from {low} to {high}")
    return int(given)


def flag(query: Mapping[str, str], name: str, default: bool) -> bool:
    """true or false."""
    given = query.get(name)
    if given is None:
        return default
    if given not in ("true", "false"):
        raise bad(name, "it must be true or false")
    return given == "true"


def plain(query: Mapping[str, str], name: str) -> str | None:
    """Text without NUL that UTF-8 can hold."""
    given = query.get(name)
    if given is not None and ("\x00" in given or len(given) > 2048):
        raise bad(name, "it must be text of at most 2048 characters, without NUL")
    return given


def idempotency_key(raw: bytes) -> str:
    """The header Idempotency-Key."""
    key = raw.decode("latin-1")
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Rejected("Idempotency-Key must be 1 to 255 printable ASCII characters", code="bad-idempotency-key")
    return key


def seconds(raw: bytes) -> float:
    """The header Roost-Timeout: how long the caller waits, in seconds."""
    given = raw.decode("latin-1")
    if not _SECONDS.match(given) or not float(given) > 0:
        raise Rejected("Roost-Timeout must be a number of seconds greater than 0, such as 2.5", code="bad-timeout")
    return float(given)
