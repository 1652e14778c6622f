"""`scripts/bench peers`: Roost beside what a user would otherwise pick, the same work on this machine in one run."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from ..figure import BenchFailed, rounded
from ..load import compile_load
from ..server import ROOT
from .install import install, say
from .machine import machine, others
from .page import publish
from .systems import SYSTEMS
from .words import TITLES, WORKS
from .works import Field, Figure, Pace, prepare, works


def main(argv: Sequence[str]) -> int:
    """Measure; one JSON object a line on stdout, all else on stderr."""
    parser = argparse.ArgumentParser(prog="scripts/bench peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke: figures mean little")
    parser.add_argument("--only", metavar="SYSTEM", action="append", choices=list(SYSTEMS), help="this system alone")
    parser.add_argument("--work", metavar="WORK", action="append", choices=list(WORKS), help="this work alone")
    parser.add_argument("--publish", action="store_true", help="write docs/benchmarks.md and its plot")
    parser.add_argument("--page", metavar="LINES", type=Path, help="only write them, from the lines of a former run")
    given = parser.parse_args(argv)
    if given.page is not None:
        publish([json.loads(line) for line in given.page.read_text().splitlines()])
        return 0
    pace = Pace(1, 0.5, 0.2, 100, 3, 0.01) if given.quick else Pace()
    tools = install()
    home = ROOT / ".roost"
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="peers-", dir=home))
    lines: list[Figure] = []

    def out(line: Figure) -> None:
        lines.append(line)
        print(json.dumps(line), flush=True)

    before = others()
    figures: list[Figure] = []
    try:
        program = compile_load(folder)
        with ExitStack() as stack:
            fields: list[Field] = []
            for name in given.only or SYSTEMS:
                (place := folder / name).mkdir()
                say(f"{TITLES[name]}: starting")
                system = SYSTEMS[name](tools)
                try:
                    field = Field(program, system, stack.enter_context(system.start(place)), pace)
                    prepare(field)
                except (BenchFailed, OSError) as error:
                    say(f"FAILED: {error}")
                    figures.extend({"bench": f"peers.{name}.{work}", "failed": "it did not start"} for work in WORKS)
                    continue
                fields.append(field)
            figures += measure(fields, given.work or list(WORKS))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    out({"bench": "peers.machine", **machine(tools, argv), "others": round(max(before, others()), 2)})
    for line in figures:
        out(line)
    if failed := [str(line["bench"]) for line in figures if "failed" in line]:
        raise BenchFailed(f"these figures could not be taken: {', '.join(failed)}")
    if given.publish:
        publish(lines)
    return 0


def measure(fields: Sequence[Field], chosen: Sequence[str]) -> list[Figure]:
    """All figures. The systems take turns, round by round, so that a slow minute of the machine hits all alike; the
    ones whose turn it is not are idle."""
    taken: dict[tuple[str, str], list[Figure]] = {}
    failed: dict[tuple[str, str], str] = {}
    courses = [(field.system.name, works(field)) for field in fields]
    for number in range(max((field.pace.rounds for field in fields), default=0)):
        for system, course in courses:
            for work in course:
                at = (system, work.name)
                if work.once is None or number >= work.rounds or work.name not in chosen or at in failed:
                    continue
                say(f"round {number + 1}: {TITLES[system]}: {WORKS[work.name]}")
                try:
                    taken.setdefault(at, []).append(work.once())
                except (BenchFailed, OSError) as error:
                    say(f"FAILED: {error}")
                    failed[at] = str(error)[:500]
    lines: list[Figure] = []
    for system, course in courses:
        for work in course:
            at = (system, work.name)
            line: Figure = {"bench": f"peers.{system}.{work.name}"}
            if work.once is None:
                lines.append(line | {"absent": work.absent})
            elif at in failed:
                lines.append(line | {"failed": failed[at]})
            elif at in taken:
                lines.append(line | middle(taken[at]))
    return lines


def middle(figures: Sequence[Figure]) -> Figure:
    """The median of each member over the rounds."""
    found: Figure = {}
    for name, value in figures[0].items():
        every = [one[name] for one in figures]
        found[name] = value if isinstance(value, str) else rounded(median(float(x) for x in every))
    return found | {"rounds": len(figures)}
