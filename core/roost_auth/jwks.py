"""The keys an issuer publishes: fetched when they are needed, kept for a time, and asked for again when they changed.

Nothing one request waits for is of another one: in a Worker a request can't wait for another's I/O.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final
from urllib.parse import urlsplit

from roost import Credentials, TransientError

from .keys import Key, from_set

AGAIN: Final = 60.0
"""Seconds between two fetches for the sake of a `kid` that is not known: whoever calls can make one up."""
STALE: Final = 86400.0
"""Seconds for which keys are used whose issuer can't be reached."""
PATIENCE: Final = 5.0
"""Seconds that a fetch may take."""
SIZE: Final = 256 * 1024
"""Bytes that an issuer's document may have."""
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
log = logging.getLogger("roost.auth")


class Jwks:
    """`url`: of the JWKS; None: the issuer's metadata name it (OpenID Connect Discovery 1.0). `ttl`: seconds."""

    def __init__(self, url: str | None, issuer: str | None, ttl: float) -> None:
        for one in (url, issuer if url is None else None):
            if one is not None:
                check_url(one)
        self._url, self._issuer, self._ttl = url, issuer, ttl
        self._keys: list[Key] = []
        self._fetched = self._tried = -STALE
        """Of the monotonic clock."""
        self._under_way = 0

    async def keys(self, credentials: Credentials, kid: str | None) -> list[Key]:
        """The keys, with one of this `kid` if there is one. TransientError `no-keys`: none could be fetched."""
        age = time.monotonic() - self._fetched
        if age > self._ttl or not self._knows(kid):
            await self._refresh(credentials)
        if not self._keys or time.monotonic() - self._fetched > max(STALE, self._ttl):
            raise TransientError("the keys of the issuer can't be fetched just now", code="no-keys", retry_after=5.0)
        return self._keys

    def _knows(self, kid: str | None) -> bool:
        return bool(self._keys) and (kid is None or any(key.kid == kid for key in self._keys))

    async def _refresh(self, credentials: Credentials) -> None:
        now = time.monotonic()
        if now - self._tried < (AGAIN if self._keys else 1.0):
            edge = now + PATIENCE
            while self._under_way and time.monotonic() < edge:  # noqa: ASYNC110  # no event: see the head of the file
                await asyncio.sleep(0.02)
            return
        self._tried = now
        self._under_way += 1
        try:
            async with asyncio.timeout(PATIENCE):
                url = self._url or await self._discovered(credentials)
                found = from_set(await _document(credentials, url))
            if not found:
                raise ValueError(f"{url} has no key that can be used here")
            self._keys, self._fetched = found, time.monotonic()
        except Exception as error:
            log.warning(
                "the keys of %s can't be fetched: %s: %s", self._issuer or self._url, type(error).__name__, error
            )
        finally:
            self._under_way -= 1

    async def _discovered(self, credentials: Credentials) -> str:
        issuer = self._issuer or ""
        found = await _document(credentials, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(found, dict) or found.get("issuer") != issuer:  # pyright: ignore[reportUnknownMemberType]
            raise ValueError("the metadata are of another issuer")
        url: Any = found.get("jwks_uri")  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
        if not isinstance(url, str):
            raise ValueError("the metadata have no jwks_uri")
        check_url(url)
        return url


def check_url(url: str) -> None:
    """ValueError: keys are not to be fetched from there."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ValueError(f"{url!r}: keys come by https (http: from this machine only)")


async def _document(credentials: Credentials, url: str) -> Any:
    """JSON from there. Redirects are not followed: a key comes from where it was said."""
    import json

    async with credentials.http as http, http.stream("GET", url, headers={"accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise ValueError(f"{url} answers {answer.status_code}")
        raw = bytearray()
        async for piece in answer.aiter_bytes():
            raw += piece
            if len(raw) > SIZE:
                raise ValueError(f"{url} has more than {SIZE} bytes")
    return json.loads(bytes(raw))
