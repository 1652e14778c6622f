"""What `roost serve` does whatever the store: the surface, the sockets, the signals, until the server has ended."""

from __future__ import annotations

import asyncio
import signal
import socket as sockets
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Protocol

from roost.author.app import App, ASGIApp
from roost.contract.errors import RoostError
from roost.engine.runtime import Runtime
from roost_http import Surface
from roost_http.plugged import installed
from roost_server.options import Options
from roost_server.server import AgentServer

from .console import Front, signpost


class Served(Protocol):
    """What runs the agents."""

    @property
    def runtime(self) -> Runtime: ...
    def start(self) -> None: ...
    async def stop(self) -> None: ...


async def serve_until_signal(
    app: App,
    backend: Served,
    options: Options,
    server: Callable[[ASGIApp], AgentServer],
    ready: Callable[[str], None],
    stack: AsyncExitStack,
    sock: sockets.socket | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. `server`: over that surface, not started. `ready` gets the URL once requests are
    taken. `stack` closes what is opened here. `sock`: where it listens, if that is bound already."""
    if sock is None:
        sock = options.listen.bind()
        stack.callback(sock.close)
    loopback = options.listen.loopback
    if options.proxies is not None or not (loopback or options.listen.uds):
        backend.runtime.expose()
    console = None if options.console is None else signpost
    surface = Surface(
        app, backend.runtime, admin_token=options.admin_token, console=console, loopback=loopback, added=installed()
    )
    front: ASGIApp = surface
    listening = [sock]
    if options.console is not None:
        listening.append(options.console_listen.bind())
        stack.callback(listening[-1].close)
        front = Front(surface, options.console, listening[-1].getsockname()[1])
    running = server(front)
    running.install_signals = False  # uvicorn would raise the signal again once it has stopped
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.handle_exit, number, None)
    if options.certificate is not None:
        loop.add_signal_handler(signal.SIGHUP, options.certificate.renew)
    backend.start()
    stack.push_async_callback(backend.stop)
    task = asyncio.ensure_future(running.serve(sockets=listening))
    while not running.started and not task.done():  # noqa: ASYNC110 uvicorn has no event for it
        await asyncio.sleep(0.005)
    if running.started:
        ready(options.listen.url(sock, secure=options.certificate is not None))
    await task
    if not running.started and not running.should_exit:
        raise RoostError("the app's web side did not start; its error is above", code="not-started")
