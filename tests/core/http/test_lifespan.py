"""The mounted app: what goes to it, and the server's start and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from roost.author.app import ASGIApp

from .rig import make_app, refused, rig

pytestmark = pytest.mark.anyio


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"web {request.url.path}")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def web(lifespan: Any = None) -> Starlette:
    routes = [Route("/{path:path}", page), WebSocketRoute("/{path:path}", talk)]
    return Starlette(routes=routes, lifespan=lifespan)


OTHERS = ["/", "/x", "/v1", "/v1/", "/v1/other", "/v1/agentsx", "/agentsx", "/healthz/", "/openapi.json/x", "//agents"]


@pytest.mark.parametrize("path", OTHERS)
async def test_what_is_not_ours_is_the_mounted_apps(path: str) -> None:
    async with rig(make_app(web=web())) as r:
        assert (await r.http.get(f"http://roost.test{path}")).text == f"web {path}"
    async with rig(console=web()) as r:
        assert (await r.http.get(f"http://roost.test{path}")).text == f"web {path}"
    async with rig(make_app(web=web()), console=broken) as r:
        assert (await r.http.get(f"http://roost.test{path}")).text == f"web {path}"
    async with rig() as r:
        refused(await r.http.get(f"http://roost.test{path}"), 404, "no-route", "/openapi.json")


async def test_ours_is_not_the_mounted_apps() -> None:
    async with rig(make_app(web=web())) as r:
        for path in ("/agents", "/agents/", "/agents/x", "/v1/agents/", "/v1/agents/x/y/z"):
            refused(await r.http.get(path), 404, "no-route")
        for path in ("/v1/agents", "/healthz", "/readyz", "/openapi.json"):
            assert (await r.http.get(path)).headers["content-type"] == "application/json"


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("not here")


async def sockets(app: Any, path: str) -> list[str]:
    """The types of messages a WebSocket at `path` is answered with."""
    sent: list[str] = []
    messages = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1005}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope: dict[str, Any] = {
        "type": "websocket", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "subprotocols": [],
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


async def test_websockets_are_the_mounted_apps_or_refused() -> None:
    async with rig(make_app(web=web())) as r:
        assert await sockets(r.surface, "/chat") == ["websocket.accept", "websocket.close"]
        assert await sockets(r.surface, "/agents/counter/a") == ["websocket.close"]
    async with rig() as r:
        assert await sockets(r.surface, "/chat") == ["websocket.close"]


class Server:
    """The server's side of a lifespan."""

    def __init__(self, app: ASGIApp) -> None:
        self.sent: list[dict[str, Any]] = []
        self.state: dict[str, Any] = {}
        self._asks: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.ensure_future(app({"type": "lifespan", "state": self.state}, self._asks.get, self._send))

    async def _send(self, message: Any) -> None:
        self._answers.put_nowait(message)

    async def ask(self, what: str) -> dict[str, Any]:
        self._asks.put_nowait({"type": f"lifespan.{what}"})
        getting = asyncio.ensure_future(self._answers.get())
        await asyncio.wait([getting, self._task], return_when=asyncio.FIRST_COMPLETED)
        return await asyncio.wait_for(getting, 1)

    async def end(self) -> BaseException | None:
        (found,) = await asyncio.gather(self._task, return_exceptions=True)
        return found


@asynccontextmanager
async def life(app: Any) -> AsyncGenerator[dict[str, Any], None]:
    app.state.log = ["up"]
    yield {"shared": 1}
    app.state.log.append("down")


@asynccontextmanager
async def fails_to_start(app: Any) -> AsyncGenerator[None, None]:
    raise ValueError("no database")
    yield


@asynccontextmanager
async def fails_to_stop(app: Any) -> AsyncGenerator[None, None]:
    yield
    raise ValueError("can't let go")


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Knows no lifespan and says nothing."""


async def hasty(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise ValueError("broke before it answered")


async def forgetful(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


@pytest.mark.parametrize("mounted", [None, web(), web(life), broken, silent, forgetful])
async def test_start_and_end(mounted: Any) -> None:
    async with rig(make_app(web=mounted)) as r:
        server = Server(r.surface)
        assert await server.ask("startup") == {"type": "lifespan.startup.complete"}
        if mounted is not None and hasattr(mounted, "state") and hasattr(mounted.state, "log"):
            assert (mounted.state.log, server.state) == (["up"], {"shared": 1})
        assert await server.ask("shutdown") == {"type": "lifespan.shutdown.complete"}
        assert await server.end() is None


@pytest.mark.parametrize(
    ("mounted", "words"), [(web(fails_to_start), "no database"), (hasty, "ValueError: broke before it answered")]
)
async def test_a_failed_start_is_reported(mounted: Any, words: str) -> None:
    async with rig(make_app(web=mounted)) as r:
        server = Server(r.surface)
        answer = await server.ask("startup")
        assert answer["type"] == "lifespan.startup.failed"
        assert words in answer["message"]
        assert isinstance(await server.end(), ValueError)


async def test_a_failed_end_is_reported() -> None:
    async with rig(make_app(web=web(fails_to_stop))) as r:
        server = Server(r.surface)
        await server.ask("startup")
        answer = await server.ask("shutdown")
        assert answer["type"] == "lifespan.shutdown.failed"
        assert "can't let go" in answer["message"]
        assert isinstance(await server.end(), ValueError)
