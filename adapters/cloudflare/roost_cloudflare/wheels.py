"""The dependencies of a Worker: wheels that Pyodide can load, unpacked as Cloudflare wants them.

What Roost itself needs is locked by workerd/constraints-pyodide.txt; what the author adds is resolved by pip
beside it. A package has a pure wheel, or one for Pyodide's platform, or it can't run in a Worker at all.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost.hosting.platform import Say
from roost_cli.wheels import Target, install

from .cache import kept

PINS: Final = Path(__file__).parent / "workerd" / "constraints-pyodide.txt"
MODELS: Final = PINS.with_name("constraints-models.txt")
"""What agents that think need besides."""
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
LEFT_OUT: Final = (
    "durable_exec/dbos", "durable_exec/prefect", "durable_exec/temporal", "_cli", "realtime/azure.py",
    "realtime/elevenlabs.py", "realtime/elevenlabs_agents.py", "realtime/google.py", "realtime/openai.py",
    "realtime/openai_live.py", "realtime/xai.py",
)  # fmt: skip
"""Of pydantic_ai: other durable engines and voice over sockets, which a Worker has not. Its size is limited."""
WAY: Final = "3"
"""How wheels are chosen; a new number makes the folders anew that are kept."""


def modules(requirements: Sequence[str], say: Say, models: bool = False) -> Path:
    """A folder with the pinned packages (`models`: those of agents that think too) and those the author requires.

    NotSupported `no-wheel`: one of them can't run in Pyodide; Rejected: see `install`.
    """
    more = (MODELS,) if models else ()
    locks = [*(path.read_text() for path in (PINS, *more)), *(LEFT_OUT if models else ())]
    source = "\n".join([WAY, PLATFORM, *locks, *sorted(requirements)]).encode()

    def make(folder: Path) -> None:
        say(f"fetching wheels for Pyodide: {', '.join(requirements) or 'what Roost needs'}")
        install(WORKER, PINS, requirements, folder, *more)
        for name in LEFT_OUT if models else ():
            path = folder / "pydantic_ai" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    return kept("modules", source, make)


def pinned(folder: Path) -> list[str]:
    """The packages in such a folder as `name==version`."""
    found = (re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in folder.iterdir())
    return sorted(f"{m[1].replace('_', '-')}=={m[2]}" for m in found if m is not None)
