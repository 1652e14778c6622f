"""POST /v1/tickets: a ticket that opens one WebSocket, once, within seconds, for whoever asks and is let in."""

from __future__ import annotations

import secrets
from typing import Final

from roost.contract.errors import NotSupported
from roost.system.tickets import issue

from . import body, path
from .answer import Answer, as_json
from .exchange import Exchange

SIZE: Final = 8 * 1024
"""Bytes of a body that is read before it is known who asks."""


async def admit(x: Exchange) -> None:
    """The agent that the body names; and the auth hook, asked for `connect`."""
    doc = body.members(await x.json(SIZE), {"kind", "key"})
    kind, key = doc.get("kind"), doc.get("key")
    if not isinstance(kind, str) or not isinstance(key, str):
        raise body.bad("`kind` and `key` must name the agent that the WebSocket is for")
    x.address = path.named(x.site.app, kind, key)
    await x.admit("connect")


async def ticket(x: Exchange) -> Answer:
    """201 with the ticket, to be sent as `?ticket=` with the handshake."""
    if x.runtime.closing:
        raise NotSupported("the host is shutting down", code="shutting-down", status=503)
    text, expires = await issue(x.runtime, x.address, x.caller, secrets.token_urlsafe(32))
    return as_json({"ticket": text, "expires": expires}, 201)
