"""Who asks: ready-made callers, and how one travels and is stored.

Where the caller is all that a row has room for (a connection, a letter), the column of its claims holds the rest too:
plain claims for the ordinary client, else one member, "", that holds everything. What was stored before callers had a
source reads as a client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from .encoding import DEPTH, encode
from .errors import Rejected, Unreadable
from .legible import read
from .trigger import CALLERS, Caller, CallerSource, Source

ANONYMOUS: Final = Caller("")
"""What an auth hook returns to let in somebody without a name. Handlers see `self.caller` as None."""
OPERATOR: Final = Caller("admin", source="operator")
"""Whoever holds the admin token."""
APP: Final = Caller("app", source="app")
"""The app's own code outside any agent: its `web`."""
_WHOLE: Final = ""
_CLAIMS: Final = "the claims of a caller"
_NETWORK: Final = "network"
"""Of a row without a principal: what its column of claims holds."""


def source_of(caller: Caller | None) -> CallerSource:
    """The source of a caller's triggers; of nobody in particular: a client."""
    return "client" if caller is None else caller.source


def document(caller: Caller | None) -> dict[str, Any] | None:
    """As JSON data, for another host of this deployment."""
    if caller is None:
        return None
    doc: dict[str, Any] = {"principal": caller.principal, "claims": dict(caller.claims)}
    if caller.source != "client":
        doc["source"] = caller.source
    if caller.expires is not None:
        doc["expires"] = caller.expires
    if caller.roles:
        doc["roles"] = [*caller.roles]
    return doc


def from_document(doc: Mapping[str, Any] | None) -> Caller | None:
    """The same, read."""
    if doc is None:
        return None
    expires, source = doc.get("expires"), doc.get("source", "client")
    return Caller(
        doc["principal"], doc.get("claims") or {}, source if source in CALLERS else "client",
        None if expires is None else float(expires), tuple(doc.get("roles", ())),
    )  # fmt: skip


def stored(caller: Caller | None) -> bytes | None:
    """What a row keeps of a caller beside the principal."""
    if caller is None:
        return None
    if caller.source == "client" and caller.expires is None and not caller.roles and _WHOLE not in caller.claims:
        return encode(dict(caller.claims), _CLAIMS) if caller.claims else None
    return encode({_WHOLE: document(caller)}, _CLAIMS, DEPTH + 2)


def caller_of(principal: str | None, raw: bytes | None, source: Source = "client") -> Caller | None:
    """The caller that a row names. `source`: what the row itself says of it."""
    if principal is None:
        return None
    if raw is None:
        return Caller(principal, {}, cast(CallerSource, source) if source in CALLERS else "client")
    found: Any = read(raw, f"the claims of {principal}")
    if not isinstance(found, dict):
        raise Unreadable(f"the claims of {principal} are no object")
    claims = cast("dict[str, Any]", found)
    whole: Any = claims.get(_WHOLE)
    if len(claims) == 1 and isinstance(whole, dict):
        return from_document({**cast("dict[str, Any]", whole), "principal": principal})
    return Caller(principal, claims, cast(CallerSource, source) if source in CALLERS else "client")


def of_network(client: str | None) -> bytes | None:
    """What a connection's row keeps of a client without a name: its network, where sockets are counted."""
    return None if client is None else encode({_NETWORK: client}, "a client's network")


def network_of(principal: str | None, raw: bytes | None) -> str | None:
    """The same, read. None: it has a name, or nothing was counted when it came."""
    if principal is not None or raw is None:
        return None
    found: Any = read(raw, "the network of a client without a name")
    client: Any = cast("dict[str, Any]", found).get(_NETWORK) if isinstance(found, dict) else None
    return client if isinstance(client, str) else None


def lapses(raw: bytes | None) -> float | None:
    """When the caller of a row expires, in epoch seconds; None: never. Of an ordinary row nothing is decoded."""
    if raw is None or not raw.startswith(b'{"":'):
        return None
    try:
        found = caller_of("", raw)
    except Unreadable:  # whoever asks for the caller is told
        return None
    return None if found is None else found.expires


def expired() -> Rejected:
    """The refusal of a caller whose time is over; a WebSocket is closed with it (4401)."""
    return Rejected("these credentials have expired; come back with new ones", code="expired", status=401)
