"""The counter on Restate: a virtual object, served by hypercorn. Runs in the peers' environment."""

import json
import time
from datetime import timedelta

import restate
from restate import ObjectContext, VirtualObject

counter = VirtualObject("counter")
late: list[float] = []
"""Milliseconds after its due time at which each `ring` began."""


@counter.handler()
async def increment(ctx: ObjectContext, by: int) -> int:
    count = (await ctx.get("count") or 0) + by
    ctx.set("count", count)
    return count


@counter.handler()
async def ask(ctx: ObjectContext, by: int) -> int:
    return await ctx.object_call(increment, key=f"of-{ctx.key()}", arg=by)


@counter.handler()
async def arm(ctx: ObjectContext, at: float) -> None:
    """A hundred at once, for as many objects: one by one it takes minutes, and that is not what is measured."""
    for n in range(100):
        delay = timedelta(milliseconds=max(0, at - time.time() * 1000))
        ctx.object_send(ring, key=f"{ctx.key()}.{n}", arg=at, send_delay=delay)


@counter.handler()
async def ring(ctx: ObjectContext, at: float) -> None:
    began = time.time() * 1000
    ctx.set("count", (await ctx.get("count") or 0) + 1)
    late.append(round(began - at, 1))


service = restate.app([counter])


async def app(scope, receive, send):
    """The service, and beside it what the bench wants to know."""
    if scope["type"] == "http" and scope["path"] == "/late":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(late).encode()})
    else:
        await service(scope, receive, send)
