"""What a third party's backend plugs into the command line with, under its public name."""

from .hosting.platform import (
    GROUP,
    Bundle,
    Emulator,
    Platform,
    Project,
    Say,
    Serving,
    emulator,
    find,
    lacking,
    names,
    quiet,
)

__all__ = [
    "GROUP", "Bundle", "Emulator", "Platform", "Project", "Say", "Serving", "emulator", "find", "lacking", "names",
    "quiet",
]  # fmt: skip
