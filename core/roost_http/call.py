"""POST /v1/agents/{kind}/{key}/call/{action}: the hot path.

From the server's scope to `Runtime.dispatch` and back with nothing in between: no request or response
objects, the headers looked at once, the result's bytes spliced into the answer. Whatever is rare (a stream,
an error, a foreign origin) leaves for another file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from roost.contract.address import Address
from roost.contract.encoding import encode_arguments
from roost.contract.errors import RoostError
from roost.contract.result import TickResult
from roost.contract.trigger import Call, Caller, Trigger

from . import body, origin, path, query, routes
from .answer import JSON, NO_SNIFF, NO_STORE, Answer, as_problem, fault, length, reply
from .asgi import Header, Left, Receive, Scope, Send, read, whole
from .site import Site
from .stream import stream, wants_stream

PLAIN: Final = frozenset({b"application/json", b"application/json; charset=utf-8"})
ROUTES: Final = 4096
"""Parsed paths that are remembered: most calls go to a path that was called before."""
ROUTE_BYTES: Final = 256
Respond: TypeAlias = Callable[[int, Sequence[Header], bytes], None]
"""Takes status, headers and body of an answer."""
NOTHING: Final[Mapping[bytes, bytes]] = {}
NOBODY: Final = Address("", "")


class Asked:
    """A call on its way in, as far as it has been understood."""

    __slots__ = ("action", "address", "cors", "given")

    def __init__(self) -> None:
        self.cors: Sequence[Header] = ()
        """Headers that every answer carries, a refusal too."""
        self.given: Mapping[bytes, bytes] = NOTHING
        self.address = NOBODY
        self.action = ""


class Calls:
    """The call route of one site. What a call must be is said in `_enter`, `_declared` and `_trigger`; how it goes on
    in `__call__`, which may wait, and in `at_once`, which can't."""

    __slots__ = ("routes", "site")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.routes: dict[bytes, tuple[Address, str]] = {}
        """Paths of calls, as they were sent -> what they stand for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, raw: bytes) -> None:
        """Answer one call; `raw` is a path with the segments of one."""
        site = self.site
        asked = Asked()
        try:
            self._enter(asked, scope["headers"], raw)
            given, address = asked.given, asked.address
            caller = None
            authorization = given.get(b"authorization")
            if authorization is not None or site.guarded:
                operation = f"call:{asked.action}"
                caller = await site.caller(scope, address, authorization, operation)
                meter = site.meter
                if meter is not None:
                    more, receive = await site.spend(meter, scope, receive, given, address, caller, operation)
                    asked.cors = (*asked.cors, *more)
            self._declared(given)
            limit = site.runtime.limits.http_body
            trigger = self._trigger(asked, await read(receive, limit, given.get(b"content-length")), caller)
            accept = given.get(b"accept")
            if accept is not None and wants_stream(accept):
                await stream(site.runtime, address, trigger, send, asked.cors)
                return
            result = await site.runtime.dispatch(address, trigger)
        except RoostError as error:
            await reply(send, as_problem(error), asked.cors)
        except Left:
            pass
        except Exception as error:
            await reply(send, self._fault(error), asked.cors)
        else:
            if result.error is not None:
                await reply(send, as_problem(result.error), asked.cors)
                return
            headers, data = _success(asked, result)
            if not asked.cors and (whole_at_once := whole(send)) is not None and whole_at_once(200, headers, data):
                return
            try:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": data})
            except OSError:
                pass  # the client has gone; what it asked for is done

    def takes(self, url: bytes) -> bool:
        """Whether a request's target is a call's path and nothing else."""
        return url in self.routes or (routes.is_call(url) and url.isascii() and b"?" not in url and b"#" not in url)

    def at_once(self, headers: list[Header], raw: bytes, content: bytes, answer: Respond) -> bool:
        """The same past ASGI, of a request that is there as a whole: `answer` is called once, now or when the call has
        run. False: it is none for this way (who asks must be found out, or it has a time, or wants a stream); nothing
        has happened, and `__call__` answers it.
        """
        site = self.site
        if site.guarded or len(content) > site.runtime.limits.http_body:
            return False
        asked = Asked()
        try:
            self._enter(asked, headers, raw)
            given = asked.given
            if b"authorization" in given or b"roost-timeout" in given:
                return False
            accept = given.get(b"accept")
            if accept is not None and wants_stream(accept):
                return False
            self._declared(given)
            trigger = self._trigger(asked, content, None)
            site.runtime.post(asked.address, trigger, partial(_respond, asked, answer))
        except RoostError as error:
            _problem(asked, answer, as_problem(error))
        except Exception as error:
            _problem(asked, answer, self._fault(error))
        return True

    def _enter(self, asked: Asked, headers: Iterable[Header], raw: bytes) -> None:
        """Through the door, from a page that may, to an action that there is. RoostError: refused."""
        site = self.site
        given = asked.given = site.door.given(headers)
        web = given.get(b"origin")
        if web is not None or site.app.origins:
            asked.cors = origin.allowed(site.app, web)
        if web is not None or b"sec-fetch-site" in given:
            origin.refuse_foreign(site.app, given)
        asked.address, asked.action = self.routes.get(raw) or self._route(raw)

    @staticmethod
    def _declared(given: Mapping[bytes, bytes]) -> None:
        """RoostError: the body is said to be what no call takes."""
        content = given.get(b"content-type")
        if content is not None and content not in PLAIN:
            body.check_type(content, given)

    def _trigger(self, asked: Asked, content: bytes, caller: Caller | None) -> Trigger:
        """What the body and the headers ask for. RoostError: refused."""
        given, action, runtime = asked.given, asked.action, self.site.runtime
        args, kwargs = body.call(content)
        limit = runtime.limits.arguments
        if len(content) > limit // 4 - 16:  # what counts is their own encoding: 1e15 may grow
            encode_arguments(args, kwargs, action, limit)
        id = given.get(b"idempotency-key")
        wait = given.get(b"roost-timeout")
        return Trigger(
            "call",
            Call(action, args, kwargs),
            None if id is None else query.idempotency_key(id),
            "client" if caller is None else caller.source,
            caller,
            deadline=None if wait is None else runtime.host.monotonic() + query.seconds(wait),
        )

    def _fault(self, error: Exception) -> Answer:
        return as_problem(fault(self.site.host, error, "a call"))

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


def _success(asked: Asked, result: TickResult) -> tuple[list[Header], bytes]:
    data = b'{"result":%b}' % result.value
    return [JSON, NO_STORE, NO_SNIFF, (b"content-length", b"%d" % len(data)), *asked.cors], data


def _respond(asked: Asked, answer: Respond, result: TickResult) -> None:
    if result.error is not None:
        _problem(asked, answer, as_problem(result.error))
    else:
        answer(200, *_success(asked, result))


def _problem(asked: Asked, answer: Respond, problem: Answer) -> None:
    answer(problem.status, [*problem.headers, *asked.cors, length(problem.body)], problem.body)
