"""The import packages of this distribution, named once: what bundles take along, and what is not an author's code."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from .platform import Project

PACKAGES: Final = (
    "roost", "roost_auth", "roost_chat", "roost_http", "roost_client", "roost_server", "roost_cli",
    "roost_conformance", "roost_local", "roost_cloudflare", "roost_lambda", "roost_postgres", "roost_stores",
)  # fmt: skip

NEVER_SHIPPED: Final = frozenset({"__pycache__", "py.typed"})


def folder(package: str) -> Path:
    """Where an import package lies, found without importing it."""
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def is_ours(module: str) -> bool:
    """Whether a module of this dotted name is Roost's own."""
    return module.partition(".")[0] in PACKAGES


def shipped(project: Project) -> Iterator[tuple[Path, frozenset[str]]]:
    """Roost's own packages that an app needs at run time, each with the names left out of it; the adapter adds its own.

    The test kit and the suite go along only with an app that names them.
    """
    text = _text(project)
    suite = "roost.testing" in text or "roost_conformance" in text
    yield folder("roost"), NEVER_SHIPPED if suite else NEVER_SHIPPED | {"testing"}
    yield folder("roost_http"), NEVER_SHIPPED
    if suite:
        yield folder("roost_conformance"), NEVER_SHIPPED
    if suite or "roost_auth" in text:
        yield folder("roost_auth"), NEVER_SHIPPED
    if suite or "roost_client" in text:
        yield folder("roost_client"), NEVER_SHIPPED
    if thinks(project):
        yield folder("roost_stores"), NEVER_SHIPPED
        yield folder("roost_chat"), NEVER_SHIPPED if "roost_chat.testing" in text else NEVER_SHIPPED | {"testing"}


def thinks(project: Project) -> bool:
    """Whether the app has agents that think, and so needs what the extra `models` brings."""
    return project.thinks or "roost_chat" in _text(project)


def _text(project: Project) -> str:
    return project.app + "".join(p.read_text() for p in project.files.values() if p.suffix == ".py")
