"""API keys, kept hashed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from roost import Caller, Credentials, TransientError

from .hashing import KeyHash, id_of
from .refusal import invalid, missing

REMEMBERED: Final = 1024
"""Keys that were found right, by a fast digest of them."""
FOR: Final = 300.0
"""Seconds for which they are."""
FAILURES: Final = 10
"""Wrong secrets for one key, in a minute and a process, after which nothing is hashed for it: a slow hash must not
become the attacker's lever. Whoever was found right before comes in all the same."""
WINDOW: Final = 60.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose key it is. `hashes`: one, or two while it is changed. `expires`: epoch seconds."""

    name: str
    hashes: tuple[KeyHash, ...]
    roles: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])
    expires: float | None = None


class APIKeys:
    """The hook: `App(auth=APIKeys({"ci": "HASH", "bob": {"keys": ["HASH", "HASH"], "roles": ["clerk"]}}))`.

    HASH: as `roost key` prints it. A key is sent as `Authorization: Bearer rk_...`, or in `header`.
    """

    def __init__(
        self, keys: Mapping[str, str | Sequence[str] | Mapping[str, Any]], *, header: str = "x-api-key"
    ) -> None:
        self._header = header.lower()
        self._known: dict[str, tuple[Holder, KeyHash]] = {}
        self._right: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._failed: dict[str, list[float]] = {}
        for name, given in keys.items():
            holder = _holder(name, given)
            for one in holder.hashes:
                if one.id in self._known:
                    raise ValueError(f"APIKeys: the key {one.id} is there twice ({name})")
                self._known[one.id] = holder, one

    def __repr__(self) -> str:
        return f"APIKeys(<{len(self._known)} keys>)"

    async def __call__(self, credentials: Credentials) -> Caller:
        key = credentials.bearer
        id = None if key is None else id_of(key)
        if id is None and self._header:
            key = credentials.headers.get(self._header)
            id = None if key is None else id_of(key)
        if key is None or id is None:
            raise missing("an API key (rk_...) as `Authorization: Bearer ...`")
        found = self._known.get(id)
        now = time.time()
        if found is None or not await self._holds(found[1], key, now):
            raise invalid("this API key is not valid here")
        holder = found[0]
        if holder.expires is not None and holder.expires <= now:
            raise invalid("this API key has expired")
        return Caller(holder.name, dict(holder.claims), "client", holder.expires, holder.roles)

    async def _holds(self, hash: KeyHash, key: str, now: float) -> bool:
        short = hashlib.sha256(key.encode()).digest()
        known = self._right.get(short)
        if known is not None and known[0] == hash.id and known[1] > now:
            return True
        failed = self._failed.get(hash.id, [])
        failed = [at for at in failed if now - WINDOW < at <= now]
        if len(failed) >= FAILURES:
            raise TransientError(
                "too many wrong secrets were sent for this key; come back in a minute", code="too-many-failures",
                status=429, retry_after=WINDOW,
            )  # fmt: skip
        # Counted before it is known, so that many at once are not all hashed; a right one is taken back.
        self._failed[hash.id] = [*failed, now]
        if not await _off_loop(hash, key):
            return False
        self._failed[hash.id].remove(now)
        self._right[short] = hash.id, now + FOR
        while len(self._right) > REMEMBERED:
            self._right.popitem(last=False)
        return True


async def _off_loop(hash: KeyHash, key: str) -> bool:
    """In a thread, so that other agents go on; where there are none, here."""
    try:
        return await asyncio.to_thread(hash.matches, key)
    except RuntimeError:  # Pyodide: "can't start new thread"
        return hash.matches(key)


def _holder(name: str, given: str | Sequence[str] | Mapping[str, Any]) -> Holder:
    if not name:
        raise ValueError("APIKeys: a key's holder must have a name")
    rest: Mapping[str, Any] = given if isinstance(given, Mapping) else {"keys": given}
    unknown = sorted(rest.keys() - {"keys", "roles", "claims", "expires"})
    if unknown or "keys" not in rest:
        raise ValueError(f"APIKeys: {name} has `keys`, `roles`, `claims` and `expires`, not {', '.join(unknown)}")
    texts: Any = rest["keys"]
    roles: Any = rest.get("roles", ())
    if isinstance(roles, str):
        raise ValueError(f"APIKeys: the roles of {name} are a list of texts")
    try:
        hashes = tuple(KeyHash.read(text) for text in ([texts] if isinstance(texts, str) else texts))
    except ValueError as error:
        raise ValueError(f"APIKeys: {name}: {error}") from None
    if not hashes:
        raise ValueError(f"APIKeys: {name} has no key")
    claims = dict(rest.get("claims", {}))
    try:
        json.dumps(claims, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"APIKeys: the claims of {name} are no JSON: {error}") from None
    expires = rest.get("expires")
    return Holder(name, hashes, tuple(map(str, roles)), claims, None if expires is None else float(expires))
