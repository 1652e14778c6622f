"""Ready-made auth hooks: `App(auth=JWT(...))`, `APIKeys(...)`, `SignedCookie(...)`, and `first_of` to combine them.

What is heavy loads when it is named: an app that takes API keys alone needs no PyJWT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .first import anonymous, first_of
from .refusal import INVALID, MISSING

if TYPE_CHECKING:
    from .api_keys import APIKeys
    from .cookie import SignedCookie
    from .hashing import KeyHash, hashed, new_key
    from .jwt import JWT

_WHERE = {
    "APIKeys": "api_keys", "JWT": "jwt", "KeyHash": "hashing", "SignedCookie": "cookie", "hashed": "hashing",
    "new_key": "hashing",
}  # fmt: skip

__all__ = [
    "INVALID", "JWT", "MISSING", "APIKeys", "KeyHash", "SignedCookie", "anonymous", "first_of", "hashed", "new_key",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    where = _WHERE.get(name)
    if where is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{where}"), name)
