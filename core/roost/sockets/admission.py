"""Who may come in, and to whom: addresses of WebSockets, the app's auth hook; the same on every backend."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from ..author.app import Credentials
from ..contract.address import Address, check_key
from ..contract.errors import NotFound, NotSupported, Rejected, RoostError
from ..contract.result import hidden
from ..contract.trigger import Caller

if TYPE_CHECKING:
    from ..author.app import App
    from ..engine.runtime import Runtime


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


OURS: Final = ("agent", "name", "_pk", "__agents_transport")
"""What a handshake's query says to us. The rest is the author's, where the last of a repeated field counts."""


def read_query(query: str) -> dict[str, str]:
    """The fields of a handshake's query. Rejected: one of ours is there twice, so that two readers may differ."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        refuse_doubled({name for name in OURS if names.count(name) > 1})
    return found


def refuse_doubled(names: Collection[str]) -> None:
    """Rejected 400: these fields of the query were given twice."""
    for name in sorted(names):
        raise Rejected(f"the parameter {name!r} is given twice", code="bad-query")


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
