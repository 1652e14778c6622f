"""`scripts/bench peers`: Roost beside what a user would otherwise pick, the same work on this machine in one run."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..figure import BenchFailed, rounded
from ..load import compile_load
from ..server import ROOT
from .install import install, say
from .machine import machine
from .system import Absent, System
from .systems import SYSTEMS
from .words import TITLES, WORKS
from .works import Field, Figure, Pace, works


def main(argv: Sequence[str]) -> int:
    """Measure; one JSON object a line on stdout, all else on stderr."""
    parser = argparse.ArgumentParser(prog="scripts/bench peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke: figures mean little")
    parser.add_argument("--only", metavar="SYSTEM", action="append", choices=list(SYSTEMS), help="this system alone")
    parser.add_argument("--work", metavar="WORK", action="append", choices=list(WORKS), help="this work alone")
    parser.add_argument("--publish", action="store_true", help="write docs/benchmarks.md and its plot")
    given = parser.parse_args(argv)
    pace = Pace(1, 0.5, 0.2, 100, 3, 0.01) if given.quick else Pace()
    tools = install()
    home = ROOT / ".roost"
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="peers-", dir=home))
    lines: list[Figure] = []

    def out(line: Figure) -> None:
        lines.append(line)
        print(json.dumps(line), flush=True)

    out({"bench": "peers.machine", **machine(tools, argv)})
    failed = 0
    try:
        program = compile_load(folder)
        for name in given.only or SYSTEMS:
            place = folder / name
            place.mkdir()
            for line in measure(program, SYSTEMS[name](tools), place, pace, given.work or list(WORKS)):
                failed += "failed" in line
                out(line)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if failed:
        raise BenchFailed(f"{failed} figures could not be taken")
    if given.publish:
        from .page import publish

        publish(lines)
    return 0


def measure(program: Path, system: System, folder: Path, pace: Pace, chosen: Sequence[str]) -> list[Figure]:
    """All figures of one system, alone on the machine."""
    found: list[Figure] = []
    with system.start(folder) as up:
        for work, way in works(Field(program, system, up, pace)):
            if work not in chosen:
                continue
            line: Figure = {"bench": f"peers.{system.name}.{work}"}
            if isinstance(way, Absent):
                found.append(line | {"absent": str(way)})
                continue
            say(f"{TITLES[system.name]}: {work}")
            try:
                figure = way()
            except BenchFailed as error:
                say(f"{TITLES[system.name]}: {work} FAILED: {error}")
                found.append(line | {"failed": str(error)[:500]})
                continue
            found.append(line | {k: rounded(v) if isinstance(v, float) else v for k, v in figure.items()})
    return found
