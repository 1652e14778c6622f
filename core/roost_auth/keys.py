"""Keys that sign tokens: each with the algorithms that it may be used with, so that no token chooses another."""

from __future__ import annotations

import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import jwt

from .platform_keys import PLATFORM, Judgement, PlatformKey
from .rsa import RSA, PlainRSA, PublicKey

HMAC: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Algorithm -> bytes that a secret must have (RFC 7518, 3.2)."""
BITS: Final = 2048
"""Of an RSA key, at least (RFC 7518, 3.3)."""
_CURVES: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})

try:
    import cryptography as _found

    has_cryptography = bool(_found)
except ImportError:
    has_cryptography = False
    for _name, _hash in RSA.items():
        jwt.register_algorithm(_name, PlainRSA(_hash))
    if sys.platform == "emscripten":
        for _name in PLATFORM:
            jwt.register_algorithm(_name, Judgement())

ASYMMETRIC: Final = (
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
    if has_cryptography else (*RSA, *PLATFORM) if sys.platform == "emscripten" else tuple(RSA)
)  # fmt: skip
"""What can be verified here with a public key. A Worker has no package cryptography: RSA is verified by `PlainRSA`, the
curves by the platform."""


@dataclass(frozen=True, slots=True)
class Key:
    """`material`: as PyJWT takes it for any of `algorithms`, or a key of the platform."""

    kid: str | None
    algorithms: frozenset[str]
    material: Any


def static(given: Any) -> list[Key]:
    """The keys of `JWT(keys=...)`: a secret or PEM, a JWK or a set of them, or any of these by `kid`. ValueError."""
    if isinstance(given, (str, bytes)):
        return [_text(None, given)]
    if isinstance(given, Mapping):
        table = cast("Mapping[str, Any]", given)
        if "keys" in table and isinstance(table["keys"], (list, tuple)):
            return _all(cast("Sequence[Any]", table["keys"]))
        if "kty" in table:
            return _all([table])
        return [
            Key(kid, key.algorithms, key.material)
            for kid, one in table.items()
            for key in (_all([one]) if isinstance(one, Mapping) else [_text(kid, one)])
        ]
    if isinstance(given, Sequence):
        return _all(given)  # pyright: ignore[reportUnknownArgumentType]
    raise ValueError("keys= takes a secret, a PEM, a JWK, a list of JWKs, or a mapping of `kid` to one of these")


def _all(documents: Iterable[Any]) -> list[Key]:
    found: list[Key] = []
    for document in documents:
        key = from_jwk(document)
        if key is None:
            raise ValueError("a JWK that can't be used here (its kty, curve or size)")
        found.append(key)
    return found


def from_set(document: Any) -> list[Key]:
    """The keys of a JWKS that sign, and can be verified here; the rest is passed over. Never a secret: what a server
    publishes is public."""
    rows: Any = document.get("keys") if isinstance(document, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    if not isinstance(rows, list):
        raise ValueError("no JWKS: it has no list `keys`")
    found: list[Key] = []
    for row in rows[:100]:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(row, dict) or cast("dict[str, Any]", row).get("kty") == "oct":
            continue
        try:
            key = from_jwk(cast("dict[str, Any]", row))
        except (ValueError, TypeError, KeyError, jwt.PyJWTError):
            continue
        if key is not None:
            found.append(key)
    return found


def from_jwk(row: Mapping[str, Any]) -> Key | None:
    """None: not for signatures, or not to be used here. ValueError, PyJWTError: it can't be read."""
    if row.get("use", "sig") != "sig" or "verify" not in row.get("key_ops", ["verify"]):
        return None
    kid = row.get("kid")
    kid = kid if isinstance(kid, str) else None
    kty = row.get("kty")
    if kty == "oct":
        return _allowed(row, _secret(kid, _bytes(row["k"])))
    if kty == "RSA":
        n, e = _number(row["n"]), _number(row["e"])
        if n.bit_length() < BITS or e < 3 or not e & 1:
            return None
        if not has_cryptography:
            return _allowed(row, Key(kid, frozenset(RSA), PublicKey(n, e)))
        return _allowed(row, Key(kid, _RSA, jwt.PyJWK(_public(row), "RS256").key))
    if not has_cryptography:
        found = PlatformKey.of(row)
        usable = found is not None and found.algorithm in ASYMMETRIC
        return _allowed(row, Key(kid, frozenset({found.algorithm}), found)) if found and usable else None
    if kty == "EC" and row.get("crv") in _CURVES:
        name = _CURVES[row["crv"]]
        return _allowed(row, Key(kid, frozenset({name}), jwt.PyJWK(_public(row), name).key))
    if kty == "OKP" and row.get("crv") in ("Ed25519", "Ed448"):
        return _allowed(row, Key(kid, frozenset({"EdDSA"}), jwt.PyJWK(_public(row), "EdDSA").key))
    return None


def _allowed(row: Mapping[str, Any], key: Key) -> Key | None:
    """The key for the one algorithm that it is said to be for, if it is."""
    said = row.get("alg")
    if said is None:
        return key
    return Key(key.kid, frozenset({said}), key.material) if said in key.algorithms else None


def _public(row: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is private, should it be there: tokens are verified, never made."""
    return {k: v for k, v in row.items() if k in {"kty", "n", "e", "crv", "x", "y", "kid"}}


def _text(kid: str | None, given: Any) -> Key:
    raw = given.encode() if isinstance(given, str) else given
    if not isinstance(raw, bytes):
        raise ValueError(f"the key {kid} is neither text nor a JWK")
    return _pem(kid, raw) if b"-----BEGIN " in raw else _secret(kid, raw)


def _secret(kid: str | None, raw: bytes) -> Key:
    fit = frozenset(name for name, size in HMAC.items() if len(raw) >= size)
    if not fit:
        raise ValueError("a secret for HS256 has 32 bytes at least (RFC 7518, 3.2)")
    return Key(kid, fit, raw)


def _pem(kid: str | None, raw: bytes) -> Key:
    if not has_cryptography:
        raise ValueError("PEM can't be read without the package cryptography (a Worker has none): give a JWK")
    if b"PRIVATE KEY" in raw:
        raise ValueError("that is a private key: an app that verifies tokens must not have it; give the public one")
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    found = load_pem_public_key(raw)
    if isinstance(found, rsa.RSAPublicKey) and found.key_size >= BITS:
        return Key(kid, _RSA, found)
    if isinstance(found, ec.EllipticCurvePublicKey):
        name = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}.get(found.curve.name)
        if name is not None:
            return Key(kid, frozenset({name}), found)
    if isinstance(found, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        return Key(kid, frozenset({"EdDSA"}), found)
    raise ValueError(f"a key of this kind signs no token here: {type(found).__name__}")


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("a member of a JWK is no text")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: Any) -> int:
    return int.from_bytes(_bytes(text))
