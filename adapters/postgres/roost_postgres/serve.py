"""`roost serve --store postgres://...`: an app, a database, a server, until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from roost.author.app import App, ASGIApp
from roost.author.config import resolve
from roost.contract.errors import RoostError
from roost_cli.serving import serve_until_signal
from roost_server.options import Options, sources
from roost_server.server import AgentServer, server
from roost_server.wire import Agents

from .backend import PostgresBackend


async def serve(app: App, options: Options, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. `ready` gets the URL once requests are taken."""
    assert options.store is not None
    config = resolve(app.kinds.values(), sources(options, app, options.directory or Path.cwd()))
    async with AsyncExitStack() as stack:
        sock = options.listen.bind()  # whoever comes while a dead host is waited for is served after it
        stack.callback(sock.close)
        backend = await PostgresBackend.open(
            app, options.store, config=config, idle_after=options.idle_after, restless=options.restless
        )
        stack.push_async_callback(backend.stop)

        def over(surface: ASGIApp) -> AgentServer:
            loopback = options.listen.loopback
            running = server(
                backend, surface, Agents(backend.runtime, backend.hub, options.admin_token, loopback=loopback),
                backend.runtime.limits.message_in, options.terms, certificate=options.certificate,
                proxies=options.proxies, loopback=loopback,
            )  # fmt: skip

            def end(why: RoostError) -> None:
                backend.failure = why
                running.should_exit = True

            backend.member.refused = end
            return running

        await serve_until_signal(app, backend, options, over, ready, stack, sock)
    if backend.failure is not None:
        raise backend.failure
