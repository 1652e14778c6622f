"""The console as ASGI, on a port of its own: a page of a few files, and routes for it alone.

Its port is an origin that no page of an app shares, so an app's pages, and what visitors put into them, can't read
what it holds. The page gets the operator's token for a key that `roost dev` prints as part of its link; a key is good
once, and the next one is printed when it was used. What else is asked for here needs the token itself.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic_core import to_json

from roost.author.app import ASGIApp
from roost.contract.address import Address, check_key
from roost.contract.errors import NotFound, Rejected, RoostError, problem
from roost.contract.hosts import is_loopback_name, name_in
from roost_http.asgi import read
from roost_http.door import Door

if TYPE_CHECKING:
    from .seen import Seen

KILLED: Final = 137
"""Exit code of a process that was killed, as shells show it."""
PAGE: Final = frozenset({"/", "/_roost", "/_roost/"})
SEEN: Final = frozenset({"/_roost/error", "/_roost/kv", "/_roost/log", "/_roost/ticks"})
"""Answered by query: an address may hold any text."""
HTML: Final = "text/html; charset=utf-8"
ASSETS: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HOME: Final = frozenset({"same-origin", "none"})
"""Sec-Fetch-Site of what the page asks for, or a person."""
API: Final = frozenset({"/healthz", "/readyz", "/openapi.json"})
KEY: Final = "ROOST_CONSOLE_KEY"
"""The variable with the key that opens the page next: arguments of a process are read by anybody."""
KEY_BYTES: Final = 200
SIGN: Final = """<!doctype html><meta charset="utf-8"><title>Roost</title>
<body style="font: 16px/1.6 system-ui; margin: 4rem auto; max-width: 34rem"><h1>Roost serves here</h1>
<p>The page to look at the agents has an address of its own: the link that <code>roost dev</code> printed.</p>"""


class Console:
    """Serves the page and `/_roost/...`. `kinds` as `outline` has them; `data` names the data file.

    `key`: what opens the page, once; `used` gets the one that is good from then on.
    `origin`: where the app is served.
    """

    def __init__(
        self, kinds: Sequence[Mapping[str, Any]], *, token: str, data: str, key: str, used: Callable[[str], None],
        emulate: str | None = None, seen: Seen | None = None,
        origin: str = "",
    ) -> None:  # fmt: skip
        self._token = token
        self._key = key
        self._used = used
        self._app = to_json({"kinds": kinds, "data": data, "emulate": emulate, "origin": origin})
        self._seen = seen
        self._door = Door((), loopback=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            self._door.given(scope["headers"])
            if scope["path"] == "/_roost/session" and scope["method"] == "POST":
                status, kind, body = 200, "application/json", self._session(scope, await read(receive, KEY_BYTES, None))
            elif scope["path"] in SEEN and scope["method"] == "GET":
                status, kind, body = 200, "application/json", await self._look(scope)
            else:
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
        headers = _headers(scope)
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

    async def _look(self, scope: Any) -> bytes:
        """What this process has seen of an agent, of an error, of its log; values of KV."""
        self._admit(_headers(scope))
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        seen, what = self._seen, scope["path"].rpartition("/")[2]
        if seen is None:
            return to_json({})
        if what == "log":
            return to_json({"lines": seen.lines()})
        if what == "error":
            return to_json({"frame": seen.frame(asked.get("id", ""))})
        address = Address(asked.get("kind", ""), check_key(asked.get("key", "")))
        if what == "ticks":
            return to_json({"ticks": seen.ticks(str(address))})
        return to_json(await seen.values(address, asked.get("prefix", ""), asked.get("after", "")))

    def _session(self, scope: Any, key: bytes) -> bytes:
        """The operator's token for the key of a link. Rejected 403: it is wrong, or was used."""
        self._at_home(_headers(scope))
        if not hmac.compare_digest(key.strip(), self._key.encode()):
            raise Rejected(
                "this link was used before, or is of another run: open the newest that `roost dev` printed",
                code="bad-link", status=403,
            )  # fmt: skip
        self._key = make_key()
        self._used(self._key)
        return to_json({"token": self._token})

    def _admit(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        self._at_home(headers)
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token.encode()):
            raise Rejected(
                "this is for the console page: open the link that `roost dev` printed", code="unauthorized", status=403
            )

    @staticmethod
    def _at_home(headers: Mapping[str, str]) -> None:
        """Rejected 403 for a page of another origin. The door has seen the host."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if (origin is not None and not _is_at(origin, host)) or headers.get("sec-fetch-site", "none") not in HOME:
            raise Rejected("this is for the console page alone", code="bad-origin", status=403)


class Front:
    """Before the surface: on the console's `port` its page and the API, and nothing of the app's own pages."""

    def __init__(self, surface: ASGIApp, console: ASGIApp, port: int) -> None:
        self._surface = surface
        self._console = console
        self._port = port

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path: str = scope.get("path", "")
        at_console = scope["type"] == "http" and (scope.get("server") or ("", 0))[1] == self._port
        api = path == "/v1" or path.startswith("/v1/") or path in API
        await (self._console if at_console and not api else self._surface)(scope, receive, send)


async def signpost(scope: Any, receive: Any, send: Any) -> None:
    """What is at the app's own `/` under `roost dev`, unless the app has a page there."""
    if scope["path"] == "/" and scope["method"] in ("GET", "HEAD"):
        status, kind, body = 200, HTML, SIGN.encode()
    else:
        error = NotFound(f"there is nothing at {scope['method']} {scope['path'][:200]}", code="no-route")
        status, kind, body = error.status, "application/problem+json", to_json(problem(error))
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def make_key() -> str:
    """A key that opens the page once."""
    return secrets.token_urlsafe(24)


def link(url: str, key: str) -> str:
    """The address that `roost dev` prints. A fragment is not sent to a server, nor kept in its logs."""
    return f"{url}/#start={key}"


def _is_at(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _headers(scope: Any) -> dict[str, str]:
    return {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine."""
    try:
        return is_loopback_name(name_in(host))
    except Rejected:
        return False


@cache
def page(name: str) -> bytes:
    """A file of the page. NotFound: there is none of that name."""
    found = files("roost_cli.console") / name
    if not found.is_file():
        raise NotFound(f"the console has no {name[:100]!r}", code="no-route")
    return found.read_bytes()
