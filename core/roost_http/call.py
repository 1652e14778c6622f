"""POST /v1/agents/{kind}/{key}/call/{action}: the hot path.

From the server's scope to `Runtime.dispatch` and back with nothing in between: no request or response
objects, the headers looked at once, the result's bytes spliced into the answer. Whatever is rare (a stream,
an error, a foreign origin) leaves for another file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from roost.contract.address import Address
from roost.contract.encoding import encode_arguments
from roost.contract.errors import RoostError
from roost.contract.trigger import Call, Trigger

from . import body, origin, path, query
from .answer import JSON, NO_SNIFF, NO_STORE, as_problem, fault, reply
from .asgi import Header, Left, Receive, Scope, Send, read, whole
from .site import Site
from .stream import stream, wants_stream

PLAIN: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
ROUTES: Final = 4096
"""Parsed paths that are remembered: most calls go to a path that was called before."""
ROUTE_BYTES: Final = 256


class Calls:
    """The call route of one site."""

    __slots__ = ("routes", "site")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.routes: dict[bytes, tuple[Address, str]] = {}
        """Paths of calls, as they were sent -> what they stand for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, raw: bytes) -> None:
        """Answer one call; `raw` is a path with the segments of one."""
        site = self.site
        cors: Sequence[Header] = ()
        try:
            given = site.door.given(scope["headers"])
            web = given.get(b"origin")
            if web is not None or site.app.origins:
                cors = origin.allowed(site.app, web)
            if web is not None or b"sec-fetch-site" in given:
                origin.refuse_foreign(site.app, given)
            address, action = self.routes.get(raw) or self._route(raw)
            caller = None
            authorization = given.get(b"authorization")
            if authorization is not None or site.guarded:
                operation = f"call:{action}"
                caller = await site.caller(scope, address, authorization, operation)
                meter = site.meter
                if meter is not None:
                    more, receive = await site.spend(meter, scope, receive, given, address, caller, operation)
                    cors = (*cors, *more)
            content = given.get(b"content-type")
            if content is not None and content not in PLAIN:
                body.check_type(content, given)
            runtime = site.runtime
            limits = runtime.limits
            raw_body = await read(receive, limits.http_body, given.get(b"content-length"))
            args, kwargs = body.call(raw_body)
            if len(raw_body) > limits.arguments // 4 - 16:  # what counts is their own encoding: 1e15 may grow
                encode_arguments(args, kwargs, action, limits.arguments)
            id = given.get(b"idempotency-key")
            wait = given.get(b"roost-timeout")
            trigger = Trigger(
                "call",
                Call(action, args, kwargs),
                None if id is None else query.idempotency_key(id),
                "client" if caller is None else caller.source,
                caller,
                deadline=None if wait is None else runtime.host.monotonic() + query.seconds(wait),
            )
            accept = given.get(b"accept")
            if accept is not None and wants_stream(accept):
                await stream(runtime, address, trigger, send, cors)
                return
            result = await runtime.dispatch(address, trigger)
            if result.error is not None:
                raise result.error
        except RoostError as error:
            await reply(send, as_problem(error), cors)
        except Left:
            pass
        except Exception as error:
            await reply(send, as_problem(fault(site.host, error, "a call")), cors)
        else:
            data = b'{"result":%b}' % result.value
            headers: list[Header] = [JSON, NO_STORE, NO_SNIFF, (b"content-length", b"%d" % len(data))]
            if cors:
                headers += cors
            elif (at_once := whole(send)) is not None and at_once(200, headers, data):
                return
            try:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": data})
            except OSError:
                pass  # the client has gone; what it asked for is done

    def _route(self, raw: bytes) -> tuple[Address, str]:
        """Who is called, and what: unknown actions are refused here, before anything is read."""
        parts = raw.split(b"/")
        address = path.address(self.site.app, parts[3], parts[4])
        found = address, self.site.app.kind(address.kind).action(path.text(parts[6], "the action's name")).name
        if len(raw) <= ROUTE_BYTES:
            if len(self.routes) >= ROUTES:
                self.routes.clear()
            self.routes[raw] = found
        return found
