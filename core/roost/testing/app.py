"""The conformance app: small agents, one a behaviour, gathered from `agents/`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ..agent import Agent
from ..app import App
from . import agents


def gather() -> list[type[Agent[Any, Any]]]:
    """The `AGENTS` of every file in `agents/`."""
    found: list[type[Agent[Any, Any]]] = []
    for module in sorted(pkgutil.iter_modules(agents.__path__), key=lambda m: m.name):
        found += importlib.import_module(f"{agents.__name__}.{module.name}").AGENTS
    return found


app = App(gather())
