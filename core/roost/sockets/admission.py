"""Who may come in, and to whom: addresses of WebSockets, the app's auth hook; the same on every backend."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import parse_qsl, unquote

from pydantic_core import from_json

from ..author.app import Credentials
from ..author.equality import PLAIN
from ..contract.address import Address, check_key
from ..contract.caller import expired
from ..contract.encoding import encode, utf8
from ..contract.errors import NotFound, NotSupported, Rejected, RoostError, TransientError
from ..contract.operators import Operators, may_change, reads_only
from ..contract.result import hidden
from ..contract.trigger import Caller
from ..system.names import TICKET, Asks

if TYPE_CHECKING:
    import httpx

    from ..author.app import App
    from ..engine.meter import Meter
    from ..ports import Verify

LOOKS: Final = frozenset({"status", "state", "events", "list", "jobs", "questions"})
"""Operations that change nothing."""
HOOK: Final = 10.0
"""Seconds that the auth hook may take."""
LIST: Final = "list"
"""The operation of whoever asks for the list of agents: of no agent, so its address is empty."""


class Admits(Asks, Protocol):
    """The runtime, as whoever lets callers in needs it."""

    @property
    def app(self) -> App: ...
    @property
    def meter(self) -> Meter | None: ...
    @property
    def verify(self) -> Verify | None: ...
    def outside(self, deadline: float) -> httpx.AsyncClient: ...


async def authenticate(
    runtime: Admits, credentials: Credentials, operators: Operators, taker: str = ""
) -> Caller | None:
    """Who asks, as the app's auth hook says, always as a client; an operator's token passes too, and a ticket where a
    handshake carries one. None: a client without a name. RoostError: refused. `taker`: the connection, where it has an
    id already, and may be greeted twice."""
    token = credentials.bearer
    if token and operators:
        operator = operators.who(token)
        if operator is not None:
            if credentials.operation not in LOOKS and not may_change(operator):
                raise reads_only(operator)
            return operator
    if credentials.websocket and credentials.query.get("ticket", "").startswith(TICKET):
        from ..system.tickets import redeem

        return await redeem(runtime, credentials, taker)
    app = runtime.app
    hook = app.auth
    if hook is None:
        return None
    timeout = runtime.host.timeout(HOOK)
    object.__setattr__(credentials, "fetch", partial(runtime.outside, runtime.host.monotonic() + HOOK))
    object.__setattr__(credentials, "verify", runtime.verify)
    try:
        async with timeout:
            found = await hook(credentials)
        if found is None:
            raise _nobody(app, credentials)
        caller = _client(found)
    except RoostError:
        raise
    except TimeoutError as error:
        if not timeout.expired():
            raise _failed(runtime, error) from error
        logging.getLogger("roost").error("the auth hook took more than %g s", HOOK)
        raise TransientError("who asks could not be found out in time", code="auth-timeout") from error
    except Exception as error:
        raise _failed(runtime, error) from error
    if caller is not None and caller.expires is not None and caller.expires <= runtime.host.now():
        raise expired()
    if app.tenants is not None and credentials.operation != LIST:
        app.tenants.check(caller, credentials.address)
    return caller


def _client(found: Caller) -> Caller | None:
    """What a hook returned, as a client: neither a source nor the shape of a caller is taken on trust."""
    given = cast(object, found)
    if not isinstance(given, Caller):
        raise TypeError(f"App(auth=...): the hook must return a Caller or ANONYMOUS, not {type(given).__name__}")
    if not isinstance(cast(object, found.principal), str):
        raise TypeError(f"App(auth=...): the hook's Caller has a principal that is no text: {found.principal!r}")
    if isinstance(cast(object, found.roles), str):
        raise TypeError(f"App(auth=...): the hook's Caller has roles={found.roles!r}; roles are a tuple of texts")
    if not found.principal:
        return None
    utf8(found.principal, "the principal of a caller")
    expires = None if found.expires is None or found.expires == inf else float(found.expires)
    if expires is not None and not isfinite(expires):
        raise TypeError(f"App(auth=...): the hook's Caller has expires={found.expires!r}, which is no instant")
    return Caller(found.principal, _claims(found.claims), "client", expires, tuple(found.roles))


def _claims(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Claims as they are wherever they were kept and read again: JSON data."""
    if not given:
        return given
    raw = encode(dict(given), "the claims of a caller")
    if PLAIN.issuperset(map(type, given.values())):
        return given
    claims: dict[str, Any] = from_json(raw)
    return claims


def _nobody(app: App, credentials: Credentials) -> Rejected:
    if not app.silent_hook:
        app.silent_hook = True
        logging.getLogger("roost").error(
            "App(auth=...): the hook returned None for %s of %s, which is a refusal (401). Return roost.ANONYMOUS to "
            "let in callers without a name",
            credentials.operation, credentials.address,
        )  # fmt: skip
    return Rejected(
        "the app's auth hook returned None, so nobody is let in here without credentials that it knows (its author: "
        "return ANONYMOUS to let in callers without a name)",
        code="unauthorized", status=401,
    )  # fmt: skip


def _failed(runtime: Admits, error: Exception) -> RoostError:
    id = f"{runtime.host.entropy():016x}"
    logging.getLogger("roost").error("the auth hook failed [%s]", id, exc_info=error)
    return hidden(error, id)


OURS: Final = ("agent", "name", "_pk", "__agents_transport")
"""What a handshake's query says to us. The rest is the author's, where the last of a repeated field counts."""


_SECRET: Final = re.compile(
    r"token|secret|passw|passphrase|ticket|jwt|bearer|credential|signature|api.?key|access.?key|^(?:auth|sig|key|pw|pwd)$",
    re.IGNORECASE,
)


def read_query(query: str) -> dict[str, str]:
    """The fields of a handshake's query. Rejected: one of ours is there twice, so that two readers may differ."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        refuse_doubled({name for name in OURS if names.count(name) > 1})
    return found


def without_secrets(query: Mapping[str, str]) -> Mapping[str, str]:
    """What of a handshake's query may be kept with its connection: not what the auth hook alone is meant to see."""
    return {name: value for name, value in query.items() if not _SECRET.search(name)}


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
    return Address(found.name, check_key(key, status=414))
