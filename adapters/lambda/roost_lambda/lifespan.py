"""The start of the author's own app (`App(web=...)`), once a process. A function is never told of its end."""

from __future__ import annotations

import asyncio
from typing import Any

from roost.contract.errors import RoostError
from roost_http.asgi import ASGIApp
from roost_http.lifespan import lifespan


class Lifespan:
    """Runs beside the requests for as long as the process lives."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the app has started. RoostError: it failed to."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[dict[str, Any]] = loop.create_future()
        never: asyncio.Future[dict[str, Any]] = loop.create_future()
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                return await never
            asked = True
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            if not answered.done():
                answered.set_result(dict(message))

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(lifespan(self._app, scope, receive, send))
        waiting: set[asyncio.Future[Any]] = {answered, self._task}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if answered.done() and answered.result()["type"] == "lifespan.startup.failed":
            raise RoostError(str(answered.result().get("message", "App(web=...) did not start")))
        if self._task.done():
            self._task.result()
