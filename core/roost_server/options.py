"""What `roost serve` is given, and where an app's config comes from."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from roost.author.app import App, ASGIApp
from roost.author.config import from_environment
from roost.contract.operators import Operators

from .intake import Terms
from .listen import Listen
from .proxies import Proxies
from .tls import Certificate

DATA = Path(".roost/agents.db")


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve. `data` None: in memory, gone at exit."""

    listen: Listen = field(default_factory=Listen)
    data: Path | None = DATA
    store: str | None = None
    """URL of a store that workers share, in place of `data`."""
    idle_after: float = 10.0
    admin_token: str | Operators | None = None
    restless: bool = False
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Config from the command line: {kind: {field: text}}."""
    directory: Path | None = None
    """The project's: of `.env` and pyproject.toml. None: the one we are in."""
    terms: Terms = field(default_factory=Terms)
    """What a connection may cost before its request is known."""
    certificate: Certificate | None = None
    """TLS. SIGHUP reads its files again."""
    proxies: Proxies | None = None
    """Whose word is taken for who the client is."""
    emulate: str | None = None
    """A platform whose rules hold here too."""
    console: ASGIApp | None = None
    """Serves the console page and its routes, at `console_listen`."""
    console_listen: Listen = field(default_factory=Listen)

    def with_dev(self, emulate: str | None, console: ASGIApp, listen: Listen) -> Options:
        """The same under `roost dev`."""
        return replace(self, emulate=emulate, console=console, console_listen=listen)


@runtime_checkable
class Serves(Protocol):
    """A platform (`roost.hosting.platform`) that is a process of our own."""

    def serve(self, app: App, options: Options, ready: Callable[[str], None]) -> Coroutine[Any, Any, None]:
        """Serve until SIGTERM or SIGINT. `ready` gets the URL once requests are taken."""
        ...


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
