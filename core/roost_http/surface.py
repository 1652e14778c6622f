"""The HTTP surface of every backend: one ASGI application.

HTTP only: WebSockets are each backend's own wire. What is not ours goes to the author's `App(web=...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from roost import __version__
from roost.author.action import START
from roost.author.app import App
from roost.contract.errors import Rejected, RoostError, TransientError
from roost.contract.operators import Operators
from roost.sockets.admission import LIST

from . import openapi, origin, path, routes, tickets
from .answer import Answer, as_json, as_problem, fault, reply
from .asgi import ASGIApp, Left, Receive, Scope, Send
from .audited import operated
from .call import Calls
from .exchange import Exchange
from .lifespan import lifespan
from .mounted import request
from .plugged import Routes, joined
from .site import Site

if TYPE_CHECKING:
    from .serves import Serves

CAPABILITIES: Final = b"/v1/capabilities"
OWN: Final = frozenset({b"/healthz", b"/readyz", b"/openapi.json", CAPABILITIES})
ROOTS: Final = frozenset({b"/agents", b"/v1/agents", b"/v1/tickets", b"/v1/audit"})


class Surface:
    """Serve it with any ASGI server.

    `runtime`: the one of this process, or a function that finds that of the request at hand. `admin_token`:
    the operator's, or several operators; None closes the admin routes. `console`: served where nothing else is,
    unless the app has a `web` of its own. `loopback`: it listens there, where other names than this machine's are
    refused.
    `added`: routes of other packages.
    """

    def __init__(
        self,
        app: App,
        runtime: Serves | Callable[[], Serves],
        *,
        admin_token: str | Operators | None,
        console: ASGIApp | None = None,
        loopback: bool = False,
        added: Sequence[Routes] = (),
    ) -> None:
        self.app = app
        self.site = Site(app, runtime, Operators.of(admin_token), loopback=loopback)
        self.console = console
        self.calls = Calls(self.site)
        """Of whoever wraps this application there is no such attribute: all requests go through what wraps it."""
        self._openapi: bytes | None = None
        more = joined(added)
        self._verbs = {verb.encode(): methods for verb, methods in more.verbs.items()}
        self._mounts = {name.encode(): mount(self.site) for name, mount in more.mounts.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw = path.raw_path(scope)
            if scope["method"] == "POST" and (raw in self.calls.routes or routes.is_call(raw)):
                await self.calls(scope, receive, send, raw)
            else:
                await self._http(scope, receive, send, raw)
        elif scope["type"] == "lifespan":
            await lifespan(self.app.web, scope, receive, send)
        else:
            await self._socket(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket of the author's own app; agents' never come here."""
        why = "no WebSocket here"
        if self.app.web is not None and not _is_ours(path.raw_path(scope)):
            try:
                self.site.door.given(scope["headers"])
            except RoostError as error:
                why = error.code
            else:
                await self.app.web(scope, receive, send)
                return
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})

    async def _http(self, scope: Scope, receive: Receive, send: Send, raw: bytes) -> None:
        try:
            given = self.site.door.given(scope["headers"])
        except RoostError as error:
            await reply(send, as_problem(error), head=scope["method"] == "HEAD")
            return
        if not _is_ours(raw):
            other = self._mounts.get(raw.split(b"/", 2)[1]) if self._mounts else None
            other = other or self.app.web or self.console
            if other is not None:
                await other(scope, receive, send)
                return
        x = Exchange(self.site, scope, receive, send, given)
        try:
            answer = await self._answer(x, raw)
        except RoostError as error:
            answer = as_problem(error)
        except Left:
            return
        except Exception as error:
            answer = as_problem(fault(x.host, error, f"{x.method} {raw[:200].decode('latin-1')}"))
        if answer is not None:
            await x.reply(answer)

    async def _answer(self, x: Exchange, raw: bytes) -> Answer | None:
        if raw in OWN:
            return await self._own(x, raw)
        if not _is_ours(raw):
            raise path.no_route(raw)
        x.cors = origin.allowed(self.app, x.given.get(b"origin"))
        return await (self._v1(x, raw) if raw.startswith(b"/v1") else request(x, raw))

    async def _own(self, x: Exchange, name: bytes) -> Answer:
        if x.method not in ("GET", "HEAD"):
            return _not_allowed(x, ["GET", "HEAD"])
        if name == b"/openapi.json":
            if self._openapi is None:
                self._openapi = openapi.document(self.app)
            return Answer(200, self._openapi)
        if name == b"/readyz" and x.runtime.closing:
            raise TransientError("the host is shutting down", code="shutting-down")
        if name == b"/readyz" and (trouble := x.runtime.trouble()) is not None:
            raise TransientError(trouble, code="storage")
        if name == CAPABILITIES:
            return as_json(self._deployment(x.runtime))
        return as_json({"status": "ok"})

    def _deployment(self, runtime: Serves) -> dict[str, Any]:
        """What serves here and what it can do: a client, or the published suite, asks before it relies on it."""
        can = asdict(runtime.capabilities)
        return {
            "backend": can.pop("name"),
            "version": __version__,
            "restless": runtime.restless,
            "capabilities": can,
            "kinds": sorted(self.app.kinds),
        }

    async def _v1(self, x: Exchange, raw: bytes) -> Answer | None:
        parts = raw.split(b"/")
        methods = routes.find(parts, self._verbs)
        if methods is None:
            raise path.no_route(raw)
        answer = origin.preflight(self.app, x.given) if x.method == "OPTIONS" else None
        if answer is not None:
            return answer
        route = methods.get("GET" if x.head else x.method)
        if route is None:
            return _not_allowed(x, routes.allow(methods))
        if x.method not in ("GET", "HEAD"):
            origin.refuse_foreign(self.app, x.given)
        elif b"origin" in x.given or b"sec-fetch-site" in x.given:
            origin.refuse_embedded(self.app, x.given)
        if not route.admin:
            await self._admit(x, parts)
            return await route.handler(x)
        return await operated(x, route, parts)

    async def _admit(self, x: Exchange, parts: list[bytes]) -> None:
        if parts[2] == b"tickets":
            await tickets.admit(x)
            return
        if len(parts) == 3:  # the list is of all agents, and the hook judges one
            if self.app.tenants is not None:
                await x.admit(LIST)
                if self.app.tenants.of(x.caller) is None:  # an outsider lists nothing
                    x.caller = self.site.operator(x.authorization)
            elif self.app.auth is not None:
                x.caller = self.site.operator(x.authorization)
            return
        x.address = path.address(self.app, parts[3], parts[4])
        await x.admit(_operation(x, parts))


def _operation(x: Exchange, parts: list[bytes]) -> str:
    """What the auth hook and the quotas are told."""
    if len(parts) < 7:
        return "status" if len(parts) == 5 else parts[5].decode()
    if parts[5] == b"jobs":
        return "jobs" if len(parts) == 7 else "jobs.signal" if len(parts) == 9 else f"jobs.{parts[7].decode()}"
    if parts[5] == b"streams":
        return "streams"
    if parts[5] == b"questions":
        return "questions.answer"
    x.action = path.text(parts[6], "the action's name")
    return f"tell:{x.action}" if parts[5] == b"tell" else f"call:{START}{x.action}"


def _is_ours(raw: bytes) -> bool:
    return raw in OWN or raw in ROOTS or raw.startswith((b"/agents/", b"/v1/agents/"))


def _not_allowed(x: Exchange, allow: list[str]) -> Answer:
    error = Rejected(
        f"{x.method} is not possible here; possible are: {', '.join(allow)}", code="method-not-allowed", status=405
    )
    return as_problem(error, allow)
