"""Signatures of others, verified by the platform's WebCrypto: Python has no package cryptography here."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import js  # type: ignore[import-not-found]
from pyodide.ffi import JsException, to_js  # type: ignore[import-not-found]

from .door import Js

_HOW: Final[Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]]] = {
    "ES256": ({"name": "ECDSA", "namedCurve": "P-256"}, {"name": "ECDSA", "hash": "SHA-256"}),
    "ES384": ({"name": "ECDSA", "namedCurve": "P-384"}, {"name": "ECDSA", "hash": "SHA-384"}),
    "ES512": ({"name": "ECDSA", "namedCurve": "P-521"}, {"name": "ECDSA", "hash": "SHA-512"}),
    "EdDSA": ({"name": "Ed25519"}, {"name": "Ed25519"}),
}
"""Algorithm -> of the key, of a signature, as WebCrypto has them."""


async def verifies(algorithm: str, jwk: Mapping[str, str], message: bytes, signature: bytes) -> bool:
    """Whether the signature (r and s, not DER) is of this message by the private half of the key. ValueError: the key
    can't be used. It is imported each time: a promise of one request can't be awaited by another."""
    made, used = _HOW[algorithm]
    subtle = js.crypto.subtle
    try:
        key = await subtle.importKey("jwk", _object(jwk), _object(made), False, to_js(["verify"]))
        return bool(await subtle.verify(_object(used), key, to_js(signature), to_js(message)))
    except JsException as error:
        raise ValueError(f"this key can't be used for {algorithm}: {error}") from None


def _object(members: Mapping[str, str]) -> Js:
    return js.JSON.parse(json.dumps(dict(members)))
