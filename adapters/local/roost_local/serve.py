"""`roost serve`: an app, a data file, a server, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from roost.app import App
from roost.config import from_environment, resolve
from roost.memory import MemoryStore
from roost_http import Surface

from .backend import LOCAL, MEMORY, LocalBackend
from .server import Listen, server
from .store import SqliteStore

DATA = Path(".roost/agents.db")


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve. `data` None: in memory, gone at exit."""

    listen: Listen = Listen()
    data: Path | None = DATA
    idle_after: float = 10.0
    admin_token: str | None = None
    restless: bool = False
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Config from the command line: {kind: {field: text}}."""


def sources(options: Options, app: App, directory: Path) -> list[Mapping[str, Mapping[str, Any]]]:
    """Where config comes from, strongest first: command line, environment, `.env`, pyproject.toml."""
    environment = {**dotenv(directory / ".env"), **os.environ}
    project = directory / "pyproject.toml"
    table: Any = tomllib.loads(project.read_text()) if project.is_file() else {}
    own = table.get("tool", {}).get("roost", {}).get("config", {})
    return [options.config, from_environment(environment, app.kinds.values()), own]


def dotenv(path: Path) -> dict[str, str]:
    """`NAME=value` lines; quotes around a value and lines that start with # are taken off."""
    found: dict[str, str] = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            name, mark, value = line.removeprefix("export ").partition("=")
            if mark and not line.lstrip().startswith("#"):
                found[name.strip()] = value.strip().strip("\"'")
    return found


async def serve(app: App, options: Options, ready: Callable[[str], None]) -> None:
    """Serve until a signal. `ready` gets the URL once requests are taken."""
    config = resolve(app.kinds.values(), sources(options, app, Path.cwd()))
    store = MemoryStore(log_limit=app.limits.log) if options.data is None else None
    durable = None if options.data is None else await SqliteStore.open(options.data, log_limit=app.limits.log)
    backend = LocalBackend(
        app,
        store or durable,  # type: ignore[arg-type]
        capabilities=MEMORY if durable is None else LOCAL,
        config=config,
        idle_after=options.idle_after,
        restless=options.restless,
    )
    try:
        sock = options.listen.bind()
        surface = Surface(app, backend.runtime, admin_token=options.admin_token)
        running = server(backend, surface, options.admin_token)
        backend.start()
        task = asyncio.ensure_future(running.serve(sockets=[sock]))
        while not running.started and not task.done():
            await asyncio.sleep(0.005)
        if running.started:
            host, port = sock.getsockname()[:2] if options.listen.uds is None else (str(options.listen.uds), 0)
            ready(f"http://{host}:{port}" if options.listen.uds is None else f"unix:{host}")
        await task
    finally:
        await backend.stop()
        if durable is not None:
            await durable.close()
