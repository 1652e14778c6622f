"""What the web stack costs without Roost: the same uvicorn, Starlette, no state, nothing durable."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

room: set[WebSocket] = set()


async def call(request: Request) -> JSONResponse:
    """Reads as much JSON and answers as much as a call of `increment`."""
    body = await request.json()
    return JSONResponse({"result": body["args"][0]})


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


async def fan(websocket: WebSocket) -> None:
    """What one says, all hear."""
    await websocket.accept()
    room.add(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for one in list(room):
                await one.send_text(text)
    except WebSocketDisconnect:
        room.discard(websocket)


app = Starlette(
    routes=[Route("/call", call, methods=["POST"]), WebSocketRoute("/echo", echo), WebSocketRoute("/fan", fan)]
)


def main() -> None:
    """Serve on a free port of loopback, with the settings of the Roost server, and say where."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        backlog=2048,
    )
    print(f"http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
