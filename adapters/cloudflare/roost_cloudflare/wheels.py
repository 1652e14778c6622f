"""The dependencies of a Worker: wheels that Pyodide can load, unpacked as Cloudflare wants them.

What Roost itself needs is locked by workerd/constraints-pyodide.txt; what the author adds is resolved by pip
beside it. A package has a pure wheel, or one for Pyodide's platform, or it can't run in a Worker at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost.hosting.platform import Say
from roost_cli.wheels import Target, install

from .cache import kept

PINS: Final = Path(__file__).parent / "workerd" / "constraints-pyodide.txt"
PLATFORM: Final = "pyemscripten_2026_0_wasm32"
"""The one binary platform of CPython 3.14 on Cloudflare: https://peps.python.org/pep-0783/"""
WORKER: Final = Target(
    "a Python Worker",
    "3.14",
    (PLATFORM,),
    {
        "implementation_name": "cpython", "implementation_version": "3.14.2", "os_name": "posix",
        "platform_machine": "wasm32", "platform_python_implementation": "CPython", "platform_release": "",
        "platform_system": "Emscripten", "platform_version": "", "python_full_version": "3.14.2",
        "python_version": "3.14", "sys_platform": "emscripten",
    },
    f"has no wheel that a Python Worker can load (pure Python, or {PLATFORM}): Cloudflare can't run it",
)  # fmt: skip
WAY: Final = "3"
"""How wheels are chosen; a new number makes the folders anew that are kept."""


def modules(requirements: Sequence[str], say: Say) -> Path:
    """A folder with the pinned packages and those the author requires, unpacked.

    NotSupported `no-wheel`: one of them can't run in Pyodide; Rejected: see `install`.
    """
    source = "\n".join([WAY, PLATFORM, PINS.read_text(), *sorted(requirements)]).encode()

    def make(folder: Path) -> None:
        say(f"fetching wheels for Pyodide: {', '.join(requirements) or 'what Roost needs'}")
        install(WORKER, PINS, requirements, folder)

    return kept("modules", source, make)


def pinned(folder: Path) -> list[str]:
    """The packages in such a folder as `name==version`."""
    found = (re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in folder.iterdir())
    return sorted(f"{m[1].replace('_', '-')}=={m[2]}" for m in found if m is not None)
