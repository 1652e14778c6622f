"""The fingerprint of a call: whether the same id asks for the same thing (rule 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from json import JSONEncoder
from typing import Any

from pydantic_core import from_json


def fingerprint(action: str, arguments: bytes) -> bytes:
    """16 bytes over the action and its canonical arguments (JSON, keys sorted)."""
    given = from_json(arguments)
    return fingerprint_of(action, given["args"], given["kwargs"])


def fingerprint_of(action: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """The same, of arguments that are JSON data already."""
    return blake2b(_canonical([action, args, kwargs]).encode(), digest_size=16).digest()


_canonical = JSONEncoder(sort_keys=True, separators=(",", ":")).encode
