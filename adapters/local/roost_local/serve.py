"""`roost serve`: an app, a data file, a server, until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from roost.author.app import App, ASGIApp
from roost.author.config import resolve
from roost.contract.errors import RoostError
from roost.hosting.memory import MemoryStore
from roost.hosting.resident import OwnedStore
from roost.ports import Capabilities
from roost_cli.console import Front, signpost
from roost_http import Surface
from roost_http.plugged import installed
from roost_server.options import Options, sources

from .backend import LOCAL, MEMORY, LocalBackend
from .emulate import rules_for
from .server import server
from .store import SqliteStore


async def serve(app: App, options: Options, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` gets the URL once requests are taken."""
    config = resolve(app.kinds.values(), sources(options, app, options.directory or Path.cwd()))
    rules = None if options.emulate is None else rules_for(options.emulate, app)
    async with AsyncExitStack() as stack:
        store, own = open_store(options, app, stack)
        sock = options.listen.bind()
        stack.callback(sock.close)
        backend = LocalBackend(
            app,
            store,
            capabilities=own if rules is None else rules.capabilities,
            config=config,
            idle_after=options.idle_after,
            restless=options.restless,
            private=options.console is not None,
        )
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
        running = server(
            backend, front, options.admin_token, rules, loopback=loopback, terms=options.terms,
            certificate=options.certificate, proxies=options.proxies,
        )  # fmt: skip
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


def open_store(options: Options, app: App, stack: AsyncExitStack) -> tuple[OwnedStore, Capabilities]:
    """The store of these options and what it alone can do; `stack` closes it."""
    if options.data is None:
        return MemoryStore(log_limit=app.limits.log), MEMORY
    store = SqliteStore.open(options.data, log_limit=app.limits.log)
    stack.push_async_callback(store.close)
    return store, LOCAL
