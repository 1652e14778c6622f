"""The dependencies of a Worker: wheels that Pyodide can load, unpacked as Cloudflare wants them.

What Roost itself needs is pinned by workerd/constraints-pyodide.txt; what the author adds is resolved by pip
beside it. A package has a pure wheel, or one for Pyodide's platform, or it can't run in a Worker at all.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from roost.contract.errors import NotSupported, Rejected, RoostError, TransientError
from roost.hosting.platform import Say

from .cache import kept

PINS: Final = Path(__file__).parent / "workerd" / "constraints-pyodide.txt"
PLATFORM: Final = "pyemscripten_2026_0_wasm32"
"""The one binary platform of CPython 3.14 on Cloudflare: https://peps.python.org/pep-0783/"""
DROPPED: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
"""What pip notes about an installation; nothing of it holds in a bundle."""


def modules(requirements: Sequence[str], say: Say) -> Path:
    """A folder with the pinned packages and those the author requires, unpacked.

    NotSupported `no-wheel`: one of them can't run in Pyodide; Rejected: they contradict each other.
    """
    source = "\n".join([PLATFORM, PINS.read_text(), *sorted(requirements)]).encode()

    def make(folder: Path) -> None:
        say(f"fetching wheels for Pyodide: {', '.join(requirements) or 'what Roost needs'}")
        _install(requirements, folder)

    return kept("modules", source, make)


def _install(requirements: Sequence[str], folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise NotSupported("bundling needs pip in this environment: python -m ensurepip")
    command = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--target", str(folder),
        "--no-compile", "--only-binary=:all:", "--implementation", "cp", "--python-version", "3.14",
        "--platform", PLATFORM, "-r", str(PINS),
        *(("-c", str(PINS), *requirements) if requirements else ("--no-deps",)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise explained(done.stderr)
    for path in list(folder.rglob("*")):
        if path.suffix == ".pyi" or (path.name in DROPPED and path.parent.suffix == ".dist-info"):
            path.unlink()
    shutil.rmtree(folder / "bin", ignore_errors=True)  # console scripts


def explained(said: str) -> RoostError:
    """What pip's complaint means to an author."""
    if re.search(r"Connection|Temporary failure|Could not fetch|timed out", said):
        return TransientError(f"the package index can't be reached:\n{_tail(said)}", code="offline")
    if found := re.search(r"No matching distribution found for (\S+)", said):
        return NotSupported(
            f"{found[1]} has no wheel that a Python Worker can load (pure Python, or {PLATFORM}): "
            "Cloudflare can't run it",
            code="no-wheel",
        )
    if "ResolutionImpossible" in said or "conflict" in said:
        wants = "\n".join(f"  {line.strip()}" for line in said.splitlines() if line.startswith("    "))
        return Rejected(f"the dependencies contradict each other or Roost's own:\n{wants}", code="bad-dependencies")
    return Rejected(f"pip can't install the dependencies:\n{_tail(said)}", code="bad-dependencies")


def pinned(folder: Path) -> list[str]:
    """The packages in such a folder as `name==version`."""
    found = (re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in folder.iterdir())
    return sorted(f"{m[1].replace('_', '-')}=={m[2]}" for m in found if m is not None)


def _tail(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-6:])
