"""The console as ASGI: a page of three files, and the routes under /_roost that only it may use.

`/_roost/app` hands out the admin token, so it answers the console alone: a request that shows the token, or
one that a browser vouches to be of this very origin, on a loopback name. The name counts because a page of
another site can have its own name resolve to 127.0.0.1 (DNS rebinding) and be "the same origin" then.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic_core import to_json

from roost.author.app import ASGIApp
from roost.contract.errors import NotFound, Rejected, RoostError, problem

KILLED: Final = 137
"""Exit code of a process that was killed, as shells show it."""
PAGE: Final = frozenset({"/", "/_roost", "/_roost/"})
HTML: Final = "text/html; charset=utf-8"
ASSETS: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Console:
    """Serves the page and `/_roost/...`. `kinds` as `outline` has them; `data` names the data file."""

    def __init__(
        self, kinds: Sequence[Mapping[str, Any]], *, token: str, data: str, emulate: str | None = None
    ) -> None:
        self._token = token
        self._app = to_json({"kinds": kinds, "admin_token": token, "data": data, "emulate": emulate})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            status, kind, body = self._answer(scope)
        except RoostError as error:
            status, kind, body = error.status, "application/problem+json", to_json(problem(error))
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"content-security-policy", POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, scope: Any) -> tuple[int, str, bytes]:
        method, path = scope["method"], scope["path"]
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if path in PAGE and method in ("GET", "HEAD"):
            return 200, HTML, page("index.html")
        if path.startswith("/_roost/static/") and method in ("GET", "HEAD"):
            name = path.removeprefix("/_roost/static/")
            media = ASSETS.get(name[name.rfind(".") :])
            if media is not None and "/" not in name:
                return 200, media, page(name)
        if path == "/_roost/app" and method == "GET":
            self._admit(headers)
            return 200, "application/json", self._app
        if path == "/_roost/crash" and method == "POST":
            self._admit(headers)
            asyncio.get_running_loop().call_later(0.05, os._exit, KILLED)  # as kill -9: nothing is flushed or closed
            return 202, "application/json", b"{}"
        raise NotFound(f"there is nothing at {method} {path[:200]}", code="no-route")

    def _admit(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), self._token.encode()):
            return
        host = headers.get("host", "")
        if not is_loopback_host(host):
            raise Rejected(
                f"the console works on localhost and 127.0.0.1 only, not on {host[:100]!r}", code="bad-host", status=403
            )
        origin = headers.get("origin")
        same = origin is not None and urlsplit(origin).netloc == host
        if not (same or (origin is None and headers.get("sec-fetch-site") == "same-origin")):
            raise Rejected("this is for the console page alone, or for the admin token", code="bad-origin", status=403)


class Front:
    """Before the surface: `/_roost` is the console's even where the app has a web side of its own."""

    def __init__(self, surface: ASGIApp, console: ASGIApp) -> None:
        self._surface = surface
        self._console = console

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        own = scope["type"] == "http" and (scope["path"] == "/_roost" or scope["path"].startswith("/_roost/"))
        await (self._console if own else self._surface)(scope, receive, send)


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine."""
    try:
        return (urlsplit(f"//{host}").hostname or "") in LOOPBACK
    except ValueError:
        return False


@cache
def page(name: str) -> bytes:
    """A file of the page. NotFound: there is none of that name."""
    found = files("roost_cli.console") / name
    if not found.is_file():
        raise NotFound(f"the console has no {name[:100]!r}", code="no-route")
    return found.read_bytes()
