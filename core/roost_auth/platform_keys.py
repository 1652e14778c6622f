"""ECDSA and EdDSA where the package cryptography can't be: a Worker's platform verifies them (WebCrypto).

PyJWT can't wait for the platform. So the platform is asked first, and what PyJWT is then given for an algorithm says
whether one signature is of one message, and nothing of any other.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from roost import Credentials

from .verifying import Verifying

_CURVES: Final = {
    ("EC", "P-256"): ("ES256", 32), ("EC", "P-384"): ("ES384", 48), ("EC", "P-521"): ("ES512", 66),
    ("OKP", "Ed25519"): ("EdDSA", 32),
}  # fmt: skip
"""Kind and curve of a key -> its one algorithm, bytes of a coordinate (RFC 7518, 6.2.1; RFC 8037, 2). A signature has
two of them (RFC 7518, 3.4; RFC 8032, 5.1.6)."""
PLATFORM: Final = tuple(name for name, _ in _CURVES.values())
"""The algorithms that platforms verify."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether `signature` is of `message`."""

    message: bytes
    signature: bytes
    holds: bool


@dataclass(frozen=True, slots=True)
class PlatformKey:
    """A public key as JWK, with its private and optional members left out. `size`: bytes of a signature."""

    jwk: Mapping[str, str]
    algorithm: str
    size: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> PlatformKey | None:
        """None: a kind or curve that platforms don't verify. ValueError, KeyError: not such a key."""
        curve = str(row.get("kty")), str(row.get("crv"))
        name, size = _CURVES.get(curve, ("", 0))
        if not name:
            return None
        members = ("x", "y") if curve[0] == "EC" else ("x",)
        for member in members:
            if len(_bytes(row[member])) != size:
                raise ValueError(f"a JWK of {curve[1]} has {size} bytes in {member}")
        return cls({member: row[member] for member in ("kty", "crv", *members)}, name, 2 * size)

    async def judged(self, credentials: Credentials, token: str) -> Judged:
        """What the platform says of a token's signature. ValueError: it can't be read, or the key can't be used."""
        if credentials.verify is None:
            raise RuntimeError("no platform here verifies signatures: install the package cryptography")
        front, _, tail = token.rpartition(".")
        message, signature = front.encode(), _bytes(tail)
        fits = len(signature) == self.size
        return Judged(
            message, signature, fits and await credentials.verify(self.algorithm, self.jwk, message, signature)
        )


class Judgement(Verifying[Judged]):
    """What PyJWT asks of an algorithm."""

    key_class = Judged

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:
        judged = self.prepare_key(key)
        return judged.holds and (judged.message, judged.signature) == (msg, sig)


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("a member of a JWK is no text")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
