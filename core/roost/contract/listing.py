"""The order of keys, the same in every store: by the bytes of their UTF-8, which is the order of code points."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Final

from .address import Address
from .errors import Rejected

PAGE: Final = 1000
"""The most lines one page of a listing has."""


def beyond(prefix: str) -> str | None:
    """The least text greater than every text that starts with `prefix`; None = there is none."""
    while prefix:
        code = ord(prefix[-1])
        prefix = prefix[:-1]
        if code < 0x10FFFF:
            return prefix + chr(0xE000 if code == 0xD7FF else code + 1)  # surrogates are no text
    return None


def cursor(address: Address) -> str:
    """Where a listing goes on, opaque to callers: after `address`."""
    return urlsafe_b64encode(f"{address.kind}/{address.key}".encode()).decode()


def position(cursor: str) -> Address:
    """The address a cursor stands for; Rejected if it is none of ours."""
    try:
        kind, slash, key = urlsafe_b64decode(cursor.encode()).decode().partition("/")
    except (NotBase64, ValueError):
        slash = kind = key = ""
    if not slash:
        raise Rejected("the cursor is none that a listing gave out; start without one", code="bad-cursor")
    return Address(kind, key)
