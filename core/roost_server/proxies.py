"""Proxies in front of the server: whose word is taken for who the client is, and what they say.

Only connections from a named proxy are believed. Of a chain the last address that is no named proxy is the client: what
stands before it the client may have written itself. Sources: RFC 7239; X-Forwarded-* as proxies send them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from roost.contract.errors import Rejected
from roost_http.asgi import ASGIApp, Header, Receive, Scope, Send

Style: TypeAlias = Literal["x-forwarded", "forwarded"]
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
UNIX: Final = "unix"
"""Names whoever connects to the Unix socket."""
_PAIR: Final = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,"\s]*))\s*(;|,|\Z)')


@dataclass(frozen=True, slots=True)
class Seen:
    """What a proxy saw. None: it did not say."""

    client: str
    scheme: str | None = None
    host: str | None = None


class Proxies:
    """`names`: addresses and networks, or "unix". `style`: the headers that they set, which no client can set through
    them. Rejected: a name that can't be read, or that is everybody's."""

    def __init__(self, names: Sequence[str], style: Style = "x-forwarded") -> None:
        self.style = style
        self._unix = UNIX in names
        self._networks = [_network(name) for name in names if name != UNIX]

    def trusts(self, client: str) -> bool:
        """Whether this peer is a named proxy. "": it came by the Unix socket."""
        if not client:
            return self._unix
        try:
            found = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)

    def seen(self, client: str, headers: Iterable[Header]) -> Seen | None:
        """What the peer at `client` says of its client; None: it is no proxy, or says nothing."""
        if not self.trusts(client):
            return None
        hops = self._forwarded(headers) if self.style == "forwarded" else self._x_forwarded(headers)
        if not hops:
            return None
        for hop in reversed(hops):
            if not self.trusts(hop.client):
                return hop
        return hops[0]

    def _x_forwarded(self, headers: Iterable[Header]) -> list[Seen]:
        given: dict[bytes, list[str]] = {}
        for name, value in headers:
            if name.startswith(b"x-forwarded-"):
                given.setdefault(name, []).extend(part.strip() for part in value.decode("latin-1").split(","))
        nodes = given.get(b"x-forwarded-for", [])
        schemes, hosts = given.get(b"x-forwarded-proto", []), given.get(b"x-forwarded-host", [])
        count = len(nodes)
        return [Seen(_node(n), _at(schemes, i, count), _at(hosts, i, count)) for i, n in enumerate(nodes)]

    def _forwarded(self, headers: Iterable[Header]) -> list[Seen]:
        text = ",".join(value.decode("latin-1") for name, value in headers if name == b"forwarded")
        hops: list[Seen] = []
        pairs: dict[str, str] = {}
        at = 0
        while at < len(text):
            found = _PAIR.match(text, at)
            if found is None:  # nothing behind it can be told apart, nor trusted
                return []
            pairs[found[1].lower()] = re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3]
            at = found.end()
            if found[4] != ";":
                hops.append(Seen(_node(pairs.get("for", "unknown")), pairs.get("proto"), pairs.get("host")))
                pairs = {}
        return hops


class Behind:
    """An ASGI app behind named proxies: it sees the client, the scheme and the host that they say."""

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            client = scope.get("client")
            seen = self._proxies.seen(str(client[0]) if client else "", scope["headers"])
            if seen is not None:
                scope = {**scope, **_rewritten(scope, seen)}
        await self._app(scope, receive, send)


def _rewritten(scope: Scope, seen: Seen) -> dict[str, Any]:
    out: dict[str, Any] = {"client": (seen.client, 0), "headers": hosted(scope["headers"], seen.host)}
    if seen.scheme in ("http", "https"):
        secure = seen.scheme == "https"
        out["scheme"] = ("wss" if secure else "ws") if scope["type"] == "websocket" else seen.scheme
    return out


def hosted(headers: Iterable[Header], host: str | None) -> list[Header]:
    """The headers with the host that the client asked for."""
    found = list(headers)
    if host is None:
        return found
    return [(name, host.encode("latin-1") if name == b"host" else value) for name, value in found]


def _at(values: list[str], index: int, count: int) -> str | None:
    """What belongs to one hop: every proxy adds one of each, or the last overwrites."""
    if not values:
        return None
    return (values[index] if len(values) == count else values[-1]) or None


def _node(text: str) -> str:
    """The address of a node, without its port; other names as they are."""
    text = text.strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _network(name: str) -> Network:
    try:
        found = ipaddress.ip_network(name, strict=False)
    except ValueError:
        raise Rejected(f"--proxy {name}: it is an address, a network such as 10.0.0.0/8, or unix") from None
    if found.prefixlen == 0:
        raise Rejected(f"--proxy {name} is everybody: any client could say who it is; name your proxies")
    return found
