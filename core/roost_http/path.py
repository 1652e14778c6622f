"""Paths: cut into segments while still percent-encoded, so that a key may hold a slash."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote

from roost.author.app import App
from roost.contract.address import Address, check_key
from roost.contract.errors import NotFound, Rejected

from .asgi import Scope

_SAFE: Final = "/:@!$&'()*+,;=~"
WHERE: Final = "look at /openapi.json, /v1/agents, /agents/{kind}/{key}, /healthz or /readyz"


def raw_path(scope: Scope) -> bytes:
    """The path as it was sent, below `root_path`. A server that doesn't say gets its decoded path encoded again."""
    found: bytes | None = scope.get("raw_path")
    if found is None:
        found = quote(scope["path"], safe=_SAFE).encode()
    root: str = scope.get("root_path", "")
    if root:
        found = found.removeprefix(quote(root, safe=_SAFE).encode())
    return found


def segment(raw: bytes) -> str:
    """One segment, decoded. What is no UTF-8 becomes a lone surrogate, which no key may hold."""
    text = raw.decode("ascii", "surrogateescape")
    return unquote(text, errors="surrogateescape") if "%" in text else text


def address(app: App, kind: bytes, key: bytes) -> Address:
    """The address two segments name. NotFound: no such kind; Rejected, LimitExceeded: no such key."""
    return Address(app.kind(segment(kind)).name, check_key(segment(key), app.limits.key, status=414))


def named(app: App, kind: str, key: str) -> Address:
    """The address that a body names."""
    return Address(app.kind(kind).name, check_key(key, app.limits.key))


def mounted(app: App, kind: bytes, key: bytes) -> Address:
    """`address`, with the 400 that clients of Cloudflare's Agents SDK get for a kind that isn't there."""
    try:
        return address(app, kind, key)
    except NotFound as error:
        raise Rejected(f"Invalid request: {error.message}", code=error.code, status=400) from None


def text(raw: bytes, what: str) -> str:
    """Decoded text of one or more segments; Rejected 400 when it is no UTF-8."""
    try:
        return unquote(raw.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise Rejected(f"{what} is not UTF-8", code="bad-path") from None


def no_route(path: bytes) -> NotFound:
    """The 404 of a path that names nothing."""
    shown = path[:200].decode("latin-1")
    return NotFound(f"there is nothing at {shown}; {WHERE}", code="no-route")
