"""A header that decides comes once: two readers of two values could understand it differently.

Platforms join a repeated header with commas before anybody sees it: `Bearer a, Bearer b`.
"""

from __future__ import annotations

import re
from typing import Final

from .errors import Rejected

_JOINED: Final = re.compile(r",\s*[A-Za-z][A-Za-z0-9-]*\s+\S")


def check_authorization(value: str | None) -> None:
    """Rejected 400 for a header Authorization that was two."""
    if value is not None and "," in value and _JOINED.search(value):
        raise doubled("authorization")


def doubled(name: str) -> Rejected:
    return Rejected(f"the header {name} is given more than once", code="doubled-header")
