"""What the members of an export document are made of."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, Any, Final

from pydantic import Field

from ..contract.encoding import ARGUMENTS, DEPTH
from ..contract.legible import carried

Count = Annotated[int, Field(ge=0, le=2**52)]
"""Counted on by every store: one keeps 64 bits, another 53."""
Instant = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
"""Epoch seconds."""
_AROUND: Final = frozenset({"args", "arguments", "error", "outcome"})


def levels(name: str) -> int:
    """Levels that a member may have: those of a value, and of what is around it."""
    return DEPTH + (ARGUMENTS if name in _AROUND else 0)


def member(name: str, raw: bytes) -> dict[str, Any]:
    """Stored JSON as a member; its bytes, where a document can't hold it as it is."""
    whole, data = carried(raw, levels(name))
    return {name: data} if whole else {f"{name}_base64": b64encode(raw or b"").decode()}
