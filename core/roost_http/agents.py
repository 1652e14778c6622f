"""Routes that callers use: tell, status, state, the list of agents, dead letters."""

from __future__ import annotations

import math
from typing import Any, Final

from pydantic_core import to_json

from roost.contract.errors import NotFound
from roost.contract.trigger import Call, Lane
from roost.engine.meter import who_is

from . import body, query
from .answer import Answer, as_json
from .exchange import Exchange
from .site import remote

TELL: Final = frozenset({"lane", "delay", "args", "kwargs"})
DELAY: Final = 400 * 86400
"""Seconds: the default of the limit `delay`, as the OpenAPI document says it."""
ABSURD: Final = 10 * 365 * 86400
"""Ten years, in seconds: no number for a delay, whatever the limit."""
PAGE: Final = 1000
"""Agents on one page, most."""


async def tell(x: Exchange) -> Answer:
    """POST .../tell/{action}: durable when answered."""
    x.runtime.app.kind(x.address.kind).action(x.action)
    raw_key = x.given.get(b"idempotency-key")
    id = None if raw_key is None else query.idempotency_key(raw_key)
    doc = body.members(await x.json(x.runtime.limits.http_body), TELL)
    args, kwargs = body.arguments(doc)
    lane, delay = _lane(doc.get("lane", "standard")), _delay(doc.get("delay", 0))
    call = Call(x.action, args, kwargs)
    id = await x.runtime.tell(x.address, call, id=id, caller=x.caller, lane=lane, delay=delay)
    return as_json({"id": id}, 202)


def _lane(given: Any) -> Lane:
    if given == "standard":
        return "standard"
    if given == "urgent":
        return "urgent"
    raise body.bad("`lane` must be standard or urgent")


def _delay(given: Any) -> float:
    if type(given) not in (int, float) or not (0 <= given <= ABSURD and math.isfinite(given)):
        raise body.bad(f"`delay` must be a number of seconds from 0 to {ABSURD}")
    return float(given)


async def agents(x: Exchange) -> Answer:
    """GET /v1/agents: a page of the list, eventually consistent."""
    limit = query.number(x.query, "limit", 100, 1, PAGE)
    kind = x.query.get("kind")
    if kind is not None:
        try:
            kind = x.runtime.app.kind(kind).name
        except NotFound as error:
            raise query.bad("kind", error.message) from None
    prefix, cursor = query.plain(x.query, "prefix") or "", query.plain(x.query, "cursor")
    if x.site.app.tenants is not None:
        within = x.site.app.tenants.within(x.caller, prefix)
        if within is None:
            return as_json({"agents": [], "cursor": None})
        prefix = within
    page = await x.runtime.page(kind, prefix, cursor, limit)
    rows = [
        {"kind": r.address.kind, "key": r.address.key, "version": r.version, "updated": r.at, "next_wake": r.due}
        for r in page.rows
    ]
    return as_json({"agents": rows, "cursor": page.cursor})


async def status(x: Exchange) -> Answer:
    """GET .../{key}: wakes nobody."""
    found = await x.runtime.status(x.address)
    meter = x.site.meter
    if meter is not None:
        found = {**found, "quotas": meter.figures(who_is(x.caller, remote(x.scope)), x.caller)}
    return as_json(found)


async def state(x: Exchange) -> Answer:
    """GET .../state: the view of the committed state."""
    view, version = await x.runtime.view(x.address)
    return Answer(200, b'{"state":%b,"version":%d}' % (view, version))


async def dead_letters(x: Exchange) -> Answer:
    """GET .../dead-letters: triggers that failed for good, with what was raised, and where: the operator's to read."""
    return as_json({"dead_letters": await x.runtime.dead_letters(x.address)})


async def redrive(x: Exchange) -> Answer:
    """POST .../dead-letters: one of them, or all, back into the mailbox."""
    doc = body.members(await x.json(x.runtime.limits.http_body), {"id"})
    id = doc.get("id")
    if id is not None and not isinstance(id, str):
        raise body.bad("`id` must be text")
    return Answer(200, to_json({"redriven": await x.runtime.redrive(x.address, id)}))
