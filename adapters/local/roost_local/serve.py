"""`roost serve`: an app, a data file, a server, until SIGTERM."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from roost.author.app import App, ASGIApp
from roost.author.config import resolve
from roost.hosting.memory import MemoryStore
from roost.hosting.resident import OwnedStore
from roost.ports import Capabilities
from roost_cli.serving import serve_until_signal
from roost_server.options import Options, sources
from roost_server.server import AgentServer

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
        backend = LocalBackend(
            app,
            store,
            capabilities=own if rules is None else rules.capabilities,
            config=config,
            idle_after=options.idle_after,
            restless=options.restless,
            private=options.console is not None,
        )

        def over(surface: ASGIApp) -> AgentServer:
            return server(
                backend, surface, options.admin_token, rules, loopback=options.listen.loopback, terms=options.terms,
                certificate=options.certificate, proxies=options.proxies,
            )  # fmt: skip

        await serve_until_signal(app, backend, options, over, ready, stack)


def open_store(options: Options, app: App, stack: AsyncExitStack) -> tuple[OwnedStore, Capabilities]:
    """The store of these options and what it alone can do; `stack` closes it."""
    if options.data is None:
        return MemoryStore(log_limit=app.limits.log), MEMORY
    store = SqliteStore.open(options.data, log_limit=app.limits.log)
    stack.push_async_callback(store.close)
    return store, LOCAL
