"""A signed cookie: who logged in, and until when, kept by the browser and believed because of its HMAC."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final, Literal

from roost import Caller, Credentials

from .refusal import invalid, missing

STRENGTH: Final = 32
"""Bytes that a secret must have."""
SIZE: Final = 3800
"""Bytes of a cookie that browsers keep: 4096 with its name and attributes."""
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class SignedCookie:
    """The hook, and what your login route sets: `cookie.issue(Caller("ann"))` is the value of a `Set-Cookie` header.

    `secrets`: one, or two while it is changed: the first one signs, each is believed. `max_age`: seconds. A page of
    another origin can't use it to change anything (`Origin` is looked at), nor can scripts read it (HttpOnly).
    What it says is signed, not secret.
    """

    def __init__(
        self,
        secrets: str | Sequence[str],
        *,
        name: str = "__Host-roost",
        max_age: float = 8 * 3600.0,
        secure: bool = True,
        same_site: Literal["Strict", "Lax", "None"] = "Lax",
        path: str = "/",
    ) -> None:
        """ValueError: a secret is short, or browsers would not keep such a cookie."""
        texts = [secrets] if isinstance(secrets, str) else [*secrets]
        if not texts or any(len(text.encode()) < STRENGTH or len(set(text)) < 8 for text in texts):
            raise ValueError(
                f"SignedCookie: a secret must have {STRENGTH} bytes and look random: "
                'make one with python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
        if not _NAME.fullmatch(name):
            raise ValueError(f"SignedCookie: {name!r} is no name of a cookie")
        if name.startswith("__Host-") and not (secure and path == "/"):
            raise ValueError('SignedCookie: a name that starts with __Host- needs secure=True and path="/"')
        if same_site == "None" and not secure:
            raise ValueError('SignedCookie: same_site="None" needs secure=True')
        if not path.startswith("/") or set(path) & set(";, \r\n"):
            raise ValueError(f"SignedCookie: {path!r} is no path")
        if not max_age > 0:
            raise ValueError("SignedCookie: max_age is a positive number of seconds")
        self.name = name
        self.max_age = max_age
        self.secure = secure
        # One key a cookie's name: what was signed as one is worth nothing as another.
        self._keys = [hashlib.sha256(b"roost-cookie\0" + name.encode() + b"\0" + t.encode()).digest() for t in texts]
        self._attributes = f"Path={path}; HttpOnly; SameSite={same_site}" + ("; Secure" if secure else "")

    def __repr__(self) -> str:
        return f"SignedCookie(name={self.name!r})"

    def issue(self, caller: Caller) -> str:
        """The header `Set-Cookie` that logs in this caller. ValueError: it is too large for a cookie, or no JSON."""
        until = time.time() + self.max_age
        until = until if caller.expires is None else min(until, caller.expires)
        data: dict[str, Any] = {"p": caller.principal, "e": until}
        if caller.roles:
            data["r"] = [*caller.roles]
        if caller.claims:
            data["c"] = dict(caller.claims)
        written = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
        body = urlsafe_b64encode(written.encode()).rstrip(b"=")
        value = f"{body.decode()}.{_sign(self._keys[0], body)}"
        if len(value) > SIZE:
            raise ValueError(f"a cookie of {len(value)} bytes, and browsers keep {SIZE}: leave out claims")
        return f"{self.name}={value}; Max-Age={max(0, int(until - time.time()))}; {self._attributes}"

    def clear(self) -> str:
        """The header `Set-Cookie` that logs out. Who kept the cookie's text can use it until it expires."""
        return f"{self.name}=; Max-Age=0; {self._attributes}"

    async def __call__(self, credentials: Credentials) -> Caller:
        value = self._given(credentials.headers.get("cookie", ""))
        if value is None:
            raise missing(f"the cookie {self.name} that logging in sets")
        body, _, signature = value.rpartition(".")
        raw = body.encode()
        good = [hmac.compare_digest(_sign(key, raw).encode(), signature.encode()) for key in self._keys]
        if not any(good):
            raise invalid("this cookie is not signed by us: log in again")
        data: Any = json.loads(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
        if data["e"] <= time.time():
            raise invalid("this cookie has expired: log in again")
        return Caller(data["p"], data.get("c", {}), "client", float(data["e"]), tuple(data.get("r", ())))

    def _given(self, header: str) -> str | None:
        """Its value in the header `Cookie`. Invalid: it is there twice: a neighbouring host may have set one."""
        found = [v.strip() for k, _, v in (part.partition("=") for part in header.split(";")) if k.strip() == self.name]
        if len(found) > 1:
            raise invalid(f"the cookie {self.name} is there twice")
        return found[0] if found and found[0] else None


def _sign(key: bytes, body: bytes) -> str:
    return urlsafe_b64encode(hmac.new(key, body, "sha256").digest()).rstrip(b"=").decode()
