"""Who may come in: the origin check of WebSockets and the app's auth hook, the same on every backend."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .app import Credentials
from .errors import NotSupported, Rejected, RoostError
from .result import hidden
from .trigger import Caller

if TYPE_CHECKING:
    from .app import App
    from .runtime import Runtime


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
