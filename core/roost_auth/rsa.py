"""RSA signatures verified where the package cryptography can't be: in a Python Worker.

Only verification, of public data with public keys: nothing here must be constant in time. RFC 8017, 8.2.2: what the
signature opens to is compared whole with what it must be, never parsed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from .verifying import Verifying

_PREFIX: Final = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""DigestInfo of each hash: RFC 8017, 9.2, note 1."""
RSA: Final = {"RS256": "sha256", "RS384": "sha384", "RS512": "sha512"}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Modulus and exponent."""

    n: int
    e: int

    def verifies(self, message: bytes, signature: bytes, hash: str) -> bool:
        """Whether the signature is of this message, as RSASSA-PKCS1-v1_5."""
        size = (self.n.bit_length() + 7) // 8
        s = int.from_bytes(signature)
        if len(signature) != size or s >= self.n:
            return False
        tail = _PREFIX[hash] + hashlib.new(hash, message).digest()
        expected = b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail
        return pow(s, self.e, self.n).to_bytes(size) == expected


class PlainRSA(Verifying[PublicKey]):
    """What PyJWT asks of an algorithm."""

    key_class = PublicKey

    def __init__(self, hash: str) -> None:
        self._hash = hash

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        return self.prepare_key(key).verifies(msg, sig, self._hash)
