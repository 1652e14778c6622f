"""API keys as they are made and kept: `rk_ID_SECRET` for who calls, `ID$scheme$parameters$salt$hash` for the app.

The secret has 256 random bits, so that no search over its hash can end; a slow hash guards keys that were chosen by
hand. A Python Worker's hashlib has neither scrypt nor PBKDF2 (no OpenSSL there): PBKDF2 is done there over hmac.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "rk"
_KEY: Final = re.compile(r"rk_([A-Za-z0-9]{4,32})_([A-Za-z0-9_-]{20,256})")
_ID: Final = re.compile(r"[A-Za-z0-9]{4,32}")
ROUNDS: Final = 10_000
"""Of PBKDF2: 2 ms on CPython, about 0.2 s in a Worker, once for a key and process (`APIKeys` remembers)."""
MOST_ROUNDS: Final = 5_000_000
SCRYPT: Final = (1 << 14, 8, 1)
"""n, r, p: 16 MiB and about 40 ms."""
MOST_MEMORY: Final = 256 << 20
"""Bytes that a scrypt hash may ask for."""


@dataclass(frozen=True, slots=True)
class KeyHash:
    """What an app keeps of a key."""

    id: str
    scheme: str
    parameters: tuple[int, ...]
    salt: bytes
    digest: bytes

    @classmethod
    def read(cls, text: str) -> KeyHash:
        """ValueError: it is none, or asks for more than is sane."""
        try:
            id, scheme, given, salt, digest = text.split("$")
            found = cls(id, scheme, tuple(map(int, given.split(","))), _bytes(salt), _bytes(digest))
        except ValueError:
            raise ValueError("no hash of a key: make one with `roost key`") from None
        if not _ID.fullmatch(id) or len(found.salt) < 16 or len(found.digest) != 32:
            raise ValueError("no hash of a key: make one with `roost key`")
        match scheme, found.parameters:
            case "pbkdf2", (rounds,) if 1000 <= rounds <= MOST_ROUNDS:
                pass
            case "scrypt", (n, r, p) if n > 1 and n & (n - 1) == 0 and 0 < 128 * n * r * p <= MOST_MEMORY:
                if not hasattr(hashlib, "scrypt"):
                    raise ValueError("scrypt is not in this Python (a Worker's has none): hash the key with PBKDF2")
            case _:
                raise ValueError(f"a hash of the scheme {scheme!r} with the parameters {given}, which is not known")
        return found

    def __str__(self) -> str:
        given = ",".join(map(str, self.parameters))
        return f"{self.id}${self.scheme}${given}${_text(self.salt)}${_text(self.digest)}"

    def matches(self, key: str) -> bool:
        """Whether it is the hash of this key. Slow, on purpose."""
        return hmac.compare_digest(_digest(self.scheme, self.parameters, self.salt, key), self.digest)


def new_key(*, scrypt: bool = False) -> tuple[str, KeyHash]:
    """A new key, to be shown once, and its hash."""
    id = secrets.token_hex(6)
    key = f"{PREFIX}_{id}_{secrets.token_urlsafe(32)}"
    return key, hashed(key, scrypt=scrypt)


def hashed(key: str, *, scrypt: bool = False) -> KeyHash:
    """The hash of a key. ValueError: it is not of the form rk_ID_SECRET."""
    id = id_of(key)
    if id is None:
        raise ValueError("a key is rk_ID_SECRET, with a secret of 20 characters at least: make one with `roost key`")
    salt = secrets.token_bytes(16)
    scheme, given = ("scrypt", SCRYPT) if scrypt else ("pbkdf2", (ROUNDS,))
    return KeyHash(id, scheme, given, salt, _digest(scheme, given, salt, key))


def id_of(key: str) -> str | None:
    """The public part of a key; None: it is no key of ours."""
    found = _KEY.fullmatch(key)
    return None if found is None else found[1]


def _digest(scheme: str, given: tuple[int, ...], salt: bytes, key: str) -> bytes:
    raw = key.encode()
    if scheme == "scrypt":
        n, r, p = given
        return hashlib.scrypt(raw, salt=salt, n=n, r=r, p=p, maxmem=2 * MOST_MEMORY, dklen=32)
    native = getattr(hashlib, "pbkdf2_hmac", None)
    if native is not None:
        found: bytes = native("sha256", raw, salt, given[0])
        return found
    return pbkdf2(raw, salt, given[0])


def pbkdf2(key: bytes, salt: bytes, rounds: int) -> bytes:
    """PBKDF2-HMAC-SHA256 of one block (RFC 8018, 5.2), where hashlib has none."""
    start = hmac.new(key, b"", "sha256")
    first = start.copy()
    first.update(salt + b"\0\0\0\1")
    last = first.digest()
    sum = int.from_bytes(last)
    for _ in range(rounds - 1):
        one = start.copy()
        one.update(last)
        last = one.digest()
        sum ^= int.from_bytes(last)
    return sum.to_bytes(32)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
