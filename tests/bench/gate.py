"""The committed instructions of a call, and what a change may add to them. Part of scripts/check.

Instructions are the one figure that holds still on a loaded machine, but they are of one build of Python and of the
libraries that constraints.txt pins: on any other nothing is compared.
"""

from __future__ import annotations

import json
import platform
import shutil
import sqlite3
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMITTED = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.02
"""Of the committed figure. Runs of one commit differ by 0.003."""


def python() -> str:
    """The build whose instructions are counted: interpreter, compiler, SQLite, machine."""
    return f"Python {' '.join(sys.version.split())}, SQLite {sqlite3.sqlite_version}, {platform.machine()}"


def flags() -> str:
    """How the interpreter was built, as far as speed goes."""
    given = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    names = {"--enable-optimizations": "PGO", "--with-lto": "LTO", "--enable-experimental-jit": "JIT"}
    found = "+".join(name for flag, name in names.items() if flag in given)
    if not found and sys.base_prefix == "/usr":  # Debian's says nothing of the profile that it was built with
        return "as the distribution builds it"
    return found or "no PGO, no LTO"


def incomparable() -> str | None:
    """Why nothing can be compared here; None: it can."""
    of = _committed()["python"]
    if of != python():
        return f"the committed figures are of {of}; this is {python()}"
    for tool in ("valgrind", "cc"):
        if shutil.which(tool) is None:
            return f"there is no {tool} here"
    return None


def figures() -> Mapping[str, int]:
    """{mode: instructions a call}."""
    found: dict[str, int] = _committed()["instructions"]
    return found


def commit(found: Mapping[str, int]) -> None:
    """Write the figures down, of the modes that are compared."""
    document = {"python": python(), "instructions": {mode: found[mode] for mode in figures() if mode in found}}
    COMMITTED.write_text(json.dumps(document, indent=2) + "\n")


def judge(found: Mapping[str, int]) -> int:
    """1 if a figure is above what was committed by more than the tolerance."""
    above = False
    for mode, before in figures().items():
        now = found.get(mode, before)
        change = f"{mode}: {now:,} instructions a call, {before:,} committed ({now / before - 1:+.1%})"
        if now > before * (1 + TOLERANCE):
            above = True
            print(
                f"instructions: {change}: a call has become slower. If it is worth that, say why in "
                f"docs/performance.md, and scripts/bench instructions --commit",
                file=sys.stderr,
            )
        elif now < before * (1 - TOLERANCE):
            print(f"instructions: {change}: scripts/bench instructions --commit keeps it so", file=sys.stderr)
    return int(above)


def _committed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(COMMITTED.read_text())
    return found
