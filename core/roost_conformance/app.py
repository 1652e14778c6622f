"""The conformance app: small agents, one a behaviour, gathered from `agents/`, and who may call them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Final

from roost.author.agent import Agent
from roost.author.app import App, Credentials
from roost.contract.errors import Rejected
from roost.contract.trigger import Caller

from . import agents

FRIEND: Final = "https://friend.example"
"""The one web origin that may use the app besides its own."""


def gather() -> list[type[Agent[Any, Any]]]:
    """The `AGENTS` of every file in `agents/`."""
    found: list[type[Agent[Any, Any]]] = []
    for module in sorted(pkgutil.iter_modules(agents.__path__), key=lambda m: m.name):
        found += importlib.import_module(f"{agents.__name__}.{module.name}").AGENTS
    return found


async def auth(credentials: Credentials) -> Caller | None:
    """The token `user:<name>` (bearer, or `token` in the query) is that user, `bad` nobody at all, none anybody."""
    token = credentials.bearer or credentials.query.get("token") or ""
    if token == "bad":
        raise Rejected("this token is not valid here", code="bad-token", status=401)
    kind, _, name = token.partition(":")
    return Caller(name, {"name": name, "websocket": credentials.websocket}) if kind == "user" and name else None


app = App(gather(), auth=auth, origins=[FRIEND])
