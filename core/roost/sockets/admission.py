"""Who may come in, and to whom: addresses and origins of WebSockets, the app's auth hook; the same on every backend."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..author.app import Credentials
from ..contract.address import Address, check_key
from ..contract.errors import NotFound, NotSupported, Rejected, RoostError
from ..contract.result import hidden
from ..contract.trigger import Caller

if TYPE_CHECKING:
    from ..author.app import App
    from ..engine.runtime import Runtime


def check_origin(app: App, headers: Mapping[str, str]) -> None:
    """Refuse a browser of another site (no Origin: not a browser). 403 names what to add to `App(origins=...)`."""
    origin = headers.get("origin")
    if origin is None or "*" in app.origins or origin in app.origins:
        return
    if origin != "null" and urlsplit(origin).netloc == headers.get("host"):
        return
    raise Rejected(
        f"the origin {origin} may not open WebSockets here; add it to App(origins=[...])", code="bad-origin", status=403
    )


async def authenticate(runtime: Runtime, credentials: Credentials, admin_token: str | None) -> Caller | None:
    """The app's auth hook; the admin token passes too. RoostError: refused."""
    token = credentials.bearer
    if admin_token and token and hmac.compare_digest(token.encode(), admin_token.encode()):
        return Caller("admin")
    hook = runtime.app.auth
    if hook is None:
        return None
    try:
        return await hook(credentials)
    except RoostError:
        raise
    except Exception as error:
        id = f"{runtime.host.entropy():016x}"
        logging.getLogger("roost").error("the auth hook failed [%s]", id, exc_info=error)
        raise hidden(error, id) from error


def check_transport(query: Mapping[str, str]) -> None:
    """The experimental second wire of npm `agents` is refused clearly: it does not hibernate."""
    if query.get("__agents_transport") == "capnweb":
        raise NotSupported("the capnweb transport is not supported: leave out `transport`, use the default wire")


def by_query(app: App, query: Mapping[str, str]) -> Address:
    """The agent that a WebSocket at a deployment's one URL is for: `agent` and `name`. NotFound, Rejected: none."""
    kind, key = query.get("agent"), query.get("name")
    if not kind or not key:
        raise NotFound("connect with `agent` and `name` in the query", code="no-route")
    return _address(app, kind, key)


def by_path(app: App, path: str) -> Address:
    """The agent of /agents/{kind}/{key}; what follows is the app's own. NotFound, Rejected: none."""
    parts = path.split("/", 4)
    if len(parts) < 4 or parts[1] != "agents" or not parts[3]:
        raise NotFound("connect to /agents/{kind}/{key}", code="no-route")
    return _address(app, parts[2], unquote(parts[3], errors="surrogateescape"))


def _address(app: App, kind: str, key: str) -> Address:
    try:
        found = app.kind(kind)
    except NotFound as error:
        raise Rejected(f"Invalid request: {error.message}", code=error.code, status=400) from None
    return Address(found.name, check_key(key))
