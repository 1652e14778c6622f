"""How a hook refuses: 401 `unauthorized` where it found nothing that is its to judge, 401 `invalid-token` where it did.

The HTTP surface says the second as RFC 6750 wants it: `WWW-Authenticate: Bearer error="invalid_token"`.
"""

from __future__ import annotations

from typing import Final

from roost import Rejected

MISSING: Final = "unauthorized"
"""No credentials of the hook's kind: `first_of` asks the next hook."""
INVALID: Final = "invalid-token"
"""Credentials of its kind that don't hold: final."""


def missing(what: str) -> Rejected:
    """Nothing was sent that this hook knows. `what`: what it takes."""
    return Rejected(f"who are you? Send {what}", code=MISSING, status=401)


def invalid(why: str) -> Rejected:
    """What was sent does not hold. `why`: without anything secret."""
    return Rejected(why, code=INVALID, status=401)
