"""Routes of jobs. Who may reach one is `App(may=...)`'s to say; to all others it is not there."""

from __future__ import annotations

from typing import Final

from roost.author.job_method import START
from roost.contract.trigger import Call, Trigger

from . import body, path, query
from .answer import Answer, as_json
from .exchange import Exchange

WAIT: Final = 20
"""Seconds that a look waits for the end of a job, most: behind API Gateway an answer takes 29 at most."""
GIVEN: Final = frozenset({"args", "kwargs", "key"})


async def start(x: Exchange) -> Answer:
    """POST .../start/{job}: the live job of that key, or a new one; durable when answered."""
    raw_key = x.given.get(b"idempotency-key")
    id = None if raw_key is None else query.idempotency_key(raw_key)
    doc = body.members(await x.json(x.runtime.limits.http_body), GIVEN)
    args, kwargs = body.arguments(doc)
    key = doc.get("key")
    if key is not None and not isinstance(key, str):
        raise body.bad("`key` must be text")
    caller = x.caller
    source = "client" if caller is None else caller.source
    call = Call(f"{START}{x.action}", (key, list(args), kwargs))
    return Answer(202, b'{"id":%b}' % await x.dispatch(Trigger("call", call, id, source, caller)))


def _id(x: Exchange) -> str:
    """The job that the path names."""
    return path.segment(path.raw_path(x.scope).split(b"/")[6])


async def jobs(x: Exchange) -> Answer:
    """GET .../jobs: those that live, and the last that ended."""
    limit = query.number(x.query, "limit", 100, 0, 1000)
    return as_json({"jobs": await x.runtime.job_desk().listed(x.address, x.caller, limit)})


async def job(x: Exchange) -> Answer:
    """GET .../jobs/{id}[?wait=]: how it is, or how it ended."""
    wait = query.number(x.query, "wait", 0, 0, WAIT)
    return as_json(await x.runtime.job_desk().one(x.address, _id(x), x.caller, wait))


async def cancel(x: Exchange) -> Answer:
    """POST .../jobs/{id}/cancel: its body hears of it, and tidies up."""
    raw_key = x.given.get(b"idempotency-key")
    id = None if raw_key is None else query.idempotency_key(raw_key)
    return as_json(await x.runtime.job_desk().cancel(x.address, _id(x), x.caller, id), 202)


async def hold(x: Exchange) -> Answer:
    """POST .../jobs/{id}/hold: it begins no step until `resume`."""
    return as_json(await x.runtime.job_desk().hold(x.address, _id(x), held=True))


async def resume(x: Exchange) -> Answer:
    """POST .../jobs/{id}/resume."""
    return as_json(await x.runtime.job_desk().hold(x.address, _id(x), held=False))
