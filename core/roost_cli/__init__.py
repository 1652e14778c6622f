"""The command line `roost`."""

from .main import main

__all__ = ["main"]
