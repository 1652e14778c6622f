"""What an author would write by hand on Cloudflare: a counter, a Durable Object in Python behind a Python Worker."""

# The SDK has no types outside Pyodide.
# pyright: reportMissingModuleSource=false, reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUntypedBaseClass=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Any
from urllib.parse import urlsplit

import js  # type: ignore[import-not-found]
from workers import DurableObject, Response, WorkerEntrypoint  # type: ignore[import-not-found]


class RoostAgent(DurableObject):  # type: ignore[misc]
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.sql = ctx.storage.sql
        self.sql.exec("CREATE TABLE IF NOT EXISTS counter(one INTEGER PRIMARY KEY, count INTEGER)")

    async def fetch(self, request: Any) -> Any:
        body = await request.json()
        rows = self.sql.exec(
            "INSERT INTO counter VALUES(1, ?) ON CONFLICT(one) DO UPDATE SET count = count + excluded.count "
            "RETURNING count",
            body["args"][0],
        ).toArray()
        return Response.json({"result": rows[0].count})


class Default(WorkerEntrypoint):  # type: ignore[misc]
    async def fetch(self, request: Any) -> Any:
        path = urlsplit(request.url).path
        if path in ("/healthz", "/counts"):
            return Response(js.crossings() if path == "/counts" else "ok")
        objects = self.env.ROOST_AGENT
        return await objects.get(objects.idFromName(path.split("/")[4])).fetch(request.js_object)


class RoostRegistry(RoostAgent):
    """Not used, but the staged Worker binds it."""
