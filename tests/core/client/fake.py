"""A small server for the client's tests: answers as scripted, keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from roost.contract.errors import RoostError, problem

Answer = Callable[["Seen"], Response | Awaitable[Response]]
Script = Callable[[WebSocket], Awaitable[None]]


@dataclass
class Seen:
    """A request as it arrived: segments decoded after the path was split."""

    method: str
    segments: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None


@dataclass
class Fake:
    """`answers` are used up one a request; `sockets` one a WebSocket, the last one again and again."""

    answers: list[Answer] = field(default_factory=list[Answer])
    sockets: list[Script] = field(default_factory=list[Script])
    seen: list[Seen] = field(default_factory=list[Seen])
    opened: list[Seen] = field(default_factory=list[Seen])
    frames: list[list[Any]] = field(default_factory=list[list[Any]])
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = bytes(scope["raw_path"]).partition(b"?")[0].decode()
        segments = [unquote(part) for part in path.split("/")[1:]]
        if scope["type"] == "http":
            request = Request(scope, receive)
            body = await request.body()
            seen = Seen(request.method, segments, dict(request.query_params), dict(request.headers))
            seen.body = json.loads(body) if body else None
            self.seen.append(seen)
            answer = self.answers.pop(0)(seen)
            response = answer if isinstance(answer, Response) else await answer
            await response(scope, receive, send)
        else:
            socket = WebSocket(scope, receive, send)
            self.opened.append(Seen("GET", segments, dict(socket.query_params), dict(socket.headers)))
            self.frames.append([])
            await (self.sockets.pop(0) if len(self.sockets) > 1 else self.sockets[0])(socket)

    async def receive(self, socket: WebSocket) -> Any:
        """The next frame of the newest socket, as JSON; kept."""
        frame = await socket.receive()
        if frame["type"] != "websocket.receive":
            raise ConnectionError(frame)
        if frame.get("bytes") is not None:
            data: Any = frame["bytes"]
        else:
            try:
                data = json.loads(frame["text"])
            except ValueError:
                data = frame["text"]
        self.frames[-1].append(data)
        return data


class Server:
    """Serves whichever fake is `current`: starting and stopping takes longer than most tests."""

    def __init__(self) -> None:
        self.current = Fake()
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.current(scope, receive, send)

    def fresh(self) -> Fake:
        """A new fake, served from now on."""
        self.current = Fake(url=self.url)
        return self.current

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[Server, None]:
        """Serve on a free port of the loopback interface, in the running loop."""
        config = uvicorn.Config(
            self, port=0, lifespan="off", log_level="critical", ws="websockets-sansio", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            await server.shutdown()


def ok(doc: Any, status: int = 200) -> Answer:
    """Answer `doc`."""
    return lambda _: JSONResponse(doc, status)


def fails(error: RoostError) -> Answer:
    """Answer the problem document of `error`, its delay in the header."""
    doc = problem(error)
    headers = {} if error.retry_after is None else {"retry-after": f"{error.retry_after:g}"}
    doc.pop("retry_after", None)
    return lambda _: JSONResponse(doc, error.status, headers, "application/problem+json")


def sse(*parts: str, wait: asyncio.Event | None = None) -> Answer:
    """Answer these parts of an event stream; then wait, if told to, before closing it."""

    async def stream() -> AsyncGenerator[str, None]:
        for part in parts:
            yield part
        if wait is not None:
            await wait.wait()

    return lambda _: StreamingResponse(stream(), media_type="text/event-stream")


def entry(seq: int, kind: str, data: Any, at: str | float | None = None) -> str:
    """An entry of the event log as the server sends it."""
    doc = json.dumps({"seq": seq, "kind": kind, "data": data, "at": at})
    return f"id: {seq}\nevent: {kind}\ndata: {doc}\n\n"


async def hello(socket: WebSocket, *states: Any, name: str = "room 1", agent: str = "counter") -> None:
    """Accept, and say who is here and the state, as an agent does."""
    await socket.accept()
    identity = {"type": "cf_agent_identity", "name": name, "agent": agent, "stateFollows": bool(states)}
    await socket.send_json(identity)
    for state in states:
        await socket.send_json({"type": "cf_agent_state", "state": state})
    await socket.send_json({"type": "cf_agent_mcp_servers", "mcp": {"servers": {}, "tools": []}})


def result(frame: Any, value: Any, *, done: bool = True) -> dict[str, Any]:
    """The answer to a call's frame."""
    return {"type": "rpc", "id": frame["id"], "success": True, "done": done, "result": value}


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another task brings about."""
    while not holds():  # noqa: ASYNC110 (what it waits for has no event)
        await asyncio.sleep(0.005)


async def until_closed(socket: WebSocket) -> None:
    """Wait for the client to close."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
