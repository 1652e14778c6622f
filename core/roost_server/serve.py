"""`roost serve`: an app, a data file, a server, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import tomllib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from roost.author.app import App, ASGIApp
from roost.author.config import from_environment, resolve
from roost.contract.errors import RoostError
from roost.hosting.memory import MemoryStore
from roost.hosting.resident import OwnedStore
from roost.ports import Capabilities
from roost_cli.console import Front, signpost
from roost_http import Surface
from roost_local.backend import LOCAL, MEMORY, LocalBackend
from roost_local.emulate import rules_for
from roost_local.store import SqliteStore

from .intake import Terms
from .listen import Listen
from .server import server

DATA = Path(".roost/agents.db")


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve. `data` None: in memory, gone at exit."""

    listen: Listen = field(default_factory=Listen)
    data: Path | None = DATA
    idle_after: float = 10.0
    admin_token: str | None = None
    restless: bool = False
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Config from the command line: {kind: {field: text}}."""
    directory: Path | None = None
    """The project's: of `.env` and pyproject.toml. None: the one we are in."""
    terms: Terms = field(default_factory=Terms)
    """What a connection may cost before its request is known."""
    emulate: str | None = None
    """A platform whose rules hold here too."""
    console: ASGIApp | None = None
    """Serves the console page and its routes, at `console_listen`."""
    console_listen: Listen = field(default_factory=Listen)

    def with_dev(self, emulate: str | None, console: ASGIApp, listen: Listen) -> Options:
        """The same under `roost dev`."""
        return replace(self, emulate=emulate, console=console, console_listen=listen)


def sources(options: Options, app: App, directory: Path) -> list[Mapping[str, Mapping[str, Any]]]:
    """Where config comes from, strongest first: command line, environment, `.env`, pyproject.toml."""
    environment = {**dotenv(directory / ".env"), **os.environ}
    project = directory / "pyproject.toml"
    table: Any = tomllib.loads(project.read_text()) if project.is_file() else {}
    own = table.get("tool", {}).get("roost", {}).get("config", {})
    return [options.config, from_environment(environment, app.kinds.values()), own]


def dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; the quotes around a value and lines that start with # are taken off."""
    found: dict[str, str] = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            name, mark, value = line.removeprefix("export ").partition("=")
            if mark and not line.lstrip().startswith("#"):
                text = value.strip()
                quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
                found[name.strip()] = text[1:-1] if quoted else text
    return found


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
        )
        loopback = options.listen.loopback
        if not (loopback or options.listen.uds):
            backend.runtime.expose()
        console = None if options.console is None else signpost
        surface = Surface(app, backend.runtime, admin_token=options.admin_token, console=console, loopback=loopback)
        front: ASGIApp = surface
        listening = [sock]
        if options.console is not None:
            listening.append(options.console_listen.bind())
            stack.callback(listening[-1].close)
            front = Front(surface, options.console, listening[-1].getsockname()[1])
        running = server(backend, front, options.admin_token, rules, loopback=loopback, terms=options.terms)
        running.install_signals = False  # uvicorn would raise the signal again once it has stopped
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.handle_exit, number, None)
        backend.start()
        stack.push_async_callback(backend.stop)
        task = asyncio.ensure_future(running.serve(sockets=listening))
        while not running.started and not task.done():  # noqa: ASYNC110 uvicorn has no event for it
            await asyncio.sleep(0.005)
        if running.started:
            ready(options.listen.url(sock))
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
