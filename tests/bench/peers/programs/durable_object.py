"""The counter as a hand-written Durable Object in Python: one row of SQL a call, hibernating WebSockets, an alarm.

Runs in workerd. The host that runs it there names its classes.
"""

import json
import time

import js
from workers import DurableObject, Response, WorkerEntrypoint

late: list[float] = []
"""Milliseconds after its due time at which each alarm began; all objects share this interpreter."""
made: list[int] = []
UPSERT = "INSERT INTO counter VALUES (0, ?1) ON CONFLICT (id) DO UPDATE SET n = n + ?1 RETURNING n"


class RoostAgent(DurableObject):
    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.ctx, self.env = ctx, env
        made.append(1)
        ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER)")

    def increment(self, by):
        return self.ctx.storage.sql.exec(UPSERT, by).one().n

    async def fetch(self, request):
        _, what, name = js.URL.new(request.url).pathname.split("/")
        if what == "increment":
            return Response(json.dumps(self.increment(json.loads(await request.text()))))
        if what == "ask":
            other = self.env.ROOST_AGENT.getByName(f"of-{name}")
            answer = await other.fetch("http://object/increment/it", method="POST", body="1")
            return Response(await answer.text())
        if what == "arm":
            at = json.loads(await request.text())
            self.ctx.storage.kv.put("at", at)
            await self.ctx.storage.setAlarm(at)
            return Response("null")
        client, server = js.WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, _, message):
        for one in self.ctx.getWebSockets():
            one.send(message)

    async def alarm(self, _=None):
        late.append(round(time.time() * 1000 - self.ctx.storage.kv.get("at"), 1))
        self.increment(1)


class RoostRegistry(DurableObject):
    """The host wants one."""


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        _, what, *rest = js.URL.new(request.url).pathname.split("/")
        if what == "late":
            return Response(json.dumps(late))
        if what == "made":
            return Response(json.dumps(len(made)))
        if what == "healthz":
            return Response("ok")
        return await self.env.ROOST_AGENT.getByName(rest[0]).fetch(request)
