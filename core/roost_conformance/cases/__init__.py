"""The catalogue, one file a section of the contract."""

from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import every file of cases, in alphabetical order."""
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        importlib.import_module(f"{__name__}.{found.name}")
