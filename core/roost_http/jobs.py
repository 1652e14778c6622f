"""Routes of jobs. Who may reach one is `App(may=...)`'s to say; to all others it is not there."""

from __future__ import annotations

from typing import Final

from roost.author.action import START
from roost.contract.trigger import Call, Trigger

from . import body, path, query
from .answer import Answer, as_json
from .exchange import Exchange

WAIT: Final = 20
"""Seconds that a look waits for the end of a job, most: behind API Gateway an answer takes 29 at most."""
GIVEN: Final = frozenset({"args", "kwargs", "key"})


async def start(x: Exchange) -> Answer:
    """POST .../start/{job}: the live job of that key, or a new one; durable when answered."""
    id = _key(x)
    doc = body.members(await x.json(x.runtime.limits.http_body), GIVEN)
    args, kwargs = body.arguments(doc)
    key = doc.get("key")
    if key is not None and not isinstance(key, str):
        raise body.bad("`key` must be text")
    caller = x.caller
    source = "client" if caller is None else caller.source
    call = Call(f"{START}{x.action}", (key, list(args), kwargs))
    return Answer(202, b'{"id":%b}' % await x.dispatch(Trigger("call", call, id, source, caller)))


def _key(x: Exchange) -> str | None:
    raw = x.given.get(b"idempotency-key")
    return None if raw is None else query.idempotency_key(raw)


def _id(x: Exchange) -> str:
    """The job, or the question, that the path names."""
    return path.segment(path.raw_path(x.scope).split(b"/")[6])


async def jobs(x: Exchange) -> Answer:
    """GET .../jobs: those that live, and the last that ended."""
    limit = query.number(x.query, "limit", 100, 0, 1000)
    return as_json({"jobs": await x.runtime.job_desk().listed(x.address, x.caller, limit)})


async def job(x: Exchange) -> Answer:
    """GET .../jobs/{id}[?wait=][&steps=true]: how it is, and what its journal says, or how it ended."""
    wait, steps = query.number(x.query, "wait", 0, 0, WAIT), query.flag(x.query, "steps", False)
    desk = x.runtime.job_desk()
    found = await desk.one(x.address, _id(x), x.caller, wait)
    if steps:
        found["steps"] = await desk.steps(x.address, found["id"], x.caller)
    return as_json(found)


async def cancel(x: Exchange) -> Answer:
    """POST .../jobs/{id}/cancel: its body hears of it, and tidies up."""
    return as_json(await x.runtime.job_desk().cancel(x.address, _id(x), x.caller, _key(x)), 202)


async def signal(x: Exchange) -> Answer:
    """POST .../jobs/{id}/signals/{name}: {"value": ...}, for whoever waits for that name, now or later."""
    doc = body.members(await x.json(x.runtime.limits.http_body), {"value"})
    name = path.text(path.raw_path(x.scope).split(b"/")[8], "the signal's name")
    told = await x.runtime.job_desk().signal(x.address, _id(x), x.caller, name, doc.get("value"), _key(x))
    return as_json(told, 202)


async def questions(x: Exchange) -> Answer:
    """GET .../questions: the open ones that the caller may answer."""
    return as_json({"questions": await x.runtime.job_desk().questions(x.address, x.caller)})


async def answer(x: Exchange) -> Answer:
    """POST .../questions/{question}: {"value": ...}; the first that fits counts."""
    doc = body.members(await x.json(x.runtime.limits.http_body), {"value"})
    if "value" not in doc:
        raise body.bad("it has no `value`")
    return as_json(await x.runtime.job_desk().answer(x.address, _id(x), x.caller, doc["value"], _key(x)))


async def hold(x: Exchange) -> Answer:
    """POST .../jobs/{id}/hold: it begins no step until `resume`."""
    return as_json(await x.runtime.job_desk().hold(x.address, _id(x), held=True))


async def restart(x: Exchange) -> Answer:
    """POST .../jobs/{id}/restart: its journal is dropped, and it begins anew with its arguments."""
    return as_json(await x.runtime.job_desk().restart(x.address, _id(x)))


async def resume(x: Exchange) -> Answer:
    """POST .../jobs/{id}/resume."""
    return as_json(await x.runtime.job_desk().hold(x.address, _id(x), held=False))
