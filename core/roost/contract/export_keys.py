"""Signatures of export documents: ROOST_EXPORT_KEYS, secrets that the deployments share which agents move between.

What is signed is the document's checksum, which is over all the rest of it. Without a secret documents are checksummed
only: whoever keeps one can change it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final

from .errors import Rejected

VARIABLE: Final = "ROOST_EXPORT_KEYS"
STRENGTH: Final = 32
"""Characters of a secret, at least."""
DIFFERENT: Final = 8
"""Different characters of it, at least."""
SIGNATURE: Final = "signature"
"""The document's member."""
CHECKSUM: Final = "sha256"
_SCHEME: Final = "hmac-sha256:"


class ExportKeys:
    """One secret, or two while it is changed: the first one signs, each is believed. Falsy where there is none."""

    __slots__ = ("_secrets",)

    def __init__(self, *secrets: str) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __repr__(self) -> str:
        return f"ExportKeys(<{len(self._secrets)}>)"

    @classmethod
    def from_environment(cls, given: Mapping[str, str]) -> ExportKeys:
        """Separated by spaces. Rejected `bad-config`: one can be guessed."""
        secrets = given.get(VARIABLE, "").split()
        for secret in secrets:
            if len(secret) < STRENGTH or len(set(secret)) < DIFFERENT:
                raise Rejected(
                    f"{VARIABLE}: a secret must have {STRENGTH} characters and look random: make one with: "
                    'python -c "import secrets; print(secrets.token_urlsafe(32))"',
                    code="bad-config", status=500,
                )  # fmt: skip
        return cls(*secrets)

    def signature(self, checksum: str) -> str:
        """Of a document, by the secret that signs."""
        return _sign(self._secrets[0], checksum)

    def check(self, document: Mapping[str, Any]) -> None:
        """Rejected `unsigned-export`, `bad-signature`: the document is not one that was signed with these secrets."""
        given, checksum = document.get(SIGNATURE), document.get(CHECKSUM)
        if given is None:
            raise _refused("it is not signed, and this deployment signs its exports", "unsigned-export")
        good = [
            hmac.compare_digest(_sign(secret, str(checksum)).encode(), str(given).encode(errors="replace"))
            for secret in self._secrets
        ]
        if not any(good):
            raise _refused("its signature does not hold: it was changed, or signed elsewhere", "bad-signature")


def _sign(secret: bytes, checksum: str) -> str:
    return _SCHEME + hmac.new(secret, b"roost-export\0" + checksum.encode(errors="replace"), "sha256").hexdigest()


def _refused(why: str, code: str) -> Rejected:
    return Rejected(
        f"the document can't be imported: {why}. An operator who knows where it comes from may send ?unsigned=true",
        code=code, status=422,
    )  # fmt: skip
