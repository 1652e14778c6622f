"""The conformance app: small agents, one a behaviour, gathered from `agents/`, and who may call them."""

from __future__ import annotations

import importlib
import pkgutil
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Final

from roost.author.agent import Agent
from roost.author.app import App, Credentials
from roost.contract.caller import ANONYMOUS
from roost.contract.errors import Rejected
from roost.contract.quotas import UNLIMITED, Quotas, Rate
from roost.contract.tenants import Tenants
from roost.contract.trigger import Caller
from roost_auth import APIKeys, SignedCookie, first_of

from . import agents

HOUR: Final = 3600.0
FRIEND: Final = "https://friend.example"
"""The one web origin that may use the app besides its own."""


API_KEY: Final = "rk_c0nf0rmance_of-the-suite-and-of-nothing-else"
API_KEY_HASH: Final = "c0nf0rmance$pbkdf2$1000$Y29uZm9ybWFuY2Utc2FsdA$w10zf1bmZY2YTNmHVq3QtNgCBLmJ_Vxw7aLivh-qqP0"
COOKIE: Final = SignedCookie(["the-newer-secret-of-the-suite-0123", "the-older-secret-of-the-suite-0123"])
OLDER: Final = SignedCookie("the-older-secret-of-the-suite-0123")
READY: Final = first_of(APIKeys({"robot": {"keys": API_KEY_HASH, "roles": ["clerk"]}}), COOKIE)
"""Ready-made hooks, asked for what is theirs."""


def gather() -> list[type[Agent[Any, Any]]]:
    """The `AGENTS` of every file in `agents/`; chat agents, where pydantic-ai is."""
    found: list[type[Agent[Any, Any]]] = []
    bare = find_spec("pydantic_ai") is None
    for module in sorted(pkgutil.iter_modules(agents.__path__), key=lambda m: m.name):
        if bare and module.name.startswith("chat"):
            continue
        found += importlib.import_module(f"{agents.__name__}.{module.name}").AGENTS
    return found


async def auth(credentials: Credentials) -> Caller | None:
    """The token `user:<name>` (bearer, or `token` in the query) is that user, `bad` nobody at all, none anybody.

    `user:<name>;roles=a,b` has these roles, `;for=<seconds>` expires, `;deny=<operation>` may not do that, and
    `;tenant=` is its tenant; `mute` is answered with None. `;source=` is tried and must not be believed. Claims of
    `dated:<name>` are not JSON yet. API keys and cookies are those of the ready-made hooks.
    """
    token = credentials.bearer or credentials.query.get("token") or ""
    if token.startswith("rk_") or {"cookie", "x-api-key"} & credentials.headers.keys():
        return await READY(credentials)
    if token == "bad":
        raise Rejected("this token is not valid here", code="bad-token", status=401)
    if token == "mute":
        return None
    kind, _, rest = token.partition(":")
    name, *more = rest.split(";")
    if kind == "dated":
        return Caller(name, {"name": name, "since": datetime(2026, 3, 29, 12, 30, tzinfo=UTC), "roles": ("a", "b")})
    if kind != "user" or not name:
        return ANONYMOUS
    given: dict[str, Any] = {part.partition("=")[0]: part.partition("=")[2] for part in more}
    if given.get("deny") == credentials.operation:
        raise Rejected(f"not this: {credentials.method} {credentials.operation}", code="denied", status=403)
    return Caller(
        name,
        {
            "name": name,
            "websocket": credentials.websocket,
            **({"tenant": given["tenant"]} if "tenant" in given else {}),
        },
        given.get("source", "client"),
        time.time() + float(given["for"]) if "for" in given else None,
        tuple(filter(None, given.get("roles", "").split(","))),
    )


EGRESS: Final = ["127.0.0.1", "allowed.invalid"]
"""Where its agents may send requests: to listeners of cases, and to a name that nobody has."""
SMALL: Final = "small-"
"""What the names of clients with quotas begin with."""
LITTLE: Final = Quotas(Rate(8, HOUR), Rate(3, HOUR), Rate(2, HOUR), Rate(2, HOUR), Rate(20_000, HOUR), 2)


def plan(caller: Caller | None) -> Quotas:
    """Little for the clients that cases of quotas are, no quotas for all others."""
    return LITTLE if caller is not None and caller.principal.startswith(SMALL) else UNLIMITED


app = App(gather(), auth=auth, origins=[FRIEND], quotas=plan, tenants=Tenants(outsiders=True), egress=EGRESS)
