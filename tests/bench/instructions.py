"""`scripts/bench instructions`: instructions of a call, counted by valgrind: the figure that holds still under load."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import gate
from .figure import BenchFailed, show
from .protocols import MODES

HERE = Path(__file__).parent
WARM, CALLS = 400, 800


def main(argv: Sequence[str]) -> int:
    """A line a mode; two runs of one Python agree within 0.3 %."""
    parser = argparse.ArgumentParser(prog="scripts/bench instructions", description=__doc__)
    parser.add_argument("modes", nargs="*", help=f"of {', '.join(MODES)} (default: all; of a gate: those committed)")
    parser.add_argument("--gate", action="store_true", help="fail where a figure is above the committed one")
    parser.add_argument("--commit", action="store_true", help=f"write the figures to {gate.COMMITTED.name}")
    options = parser.parse_args(argv)
    why = gate.incomparable() if options.gate else None
    if why is not None:
        print(f"instructions: not compared: {why}", file=sys.stderr)
        return 0
    modes: list[str] = options.modes or list(gate.figures() if options.gate else MODES)
    if unknown := set(modes) - set(MODES):
        raise BenchFailed(f"there is no mode {', '.join(sorted(unknown))}; the modes are {', '.join(MODES)}")
    print(f"# {gate.python()}, {gate.flags()}", file=sys.stderr)
    found = counted(modes)
    for mode, value in found.items():
        show(f"instructions.{mode}", value, "instructions")
    if options.commit:
        gate.commit(found)
    if options.gate:
        return gate.judge(found)
    return 0


def counted(modes: Sequence[str]) -> Mapping[str, int]:
    """{mode: instructions a call}, over `CALLS` calls after `WARM`."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise BenchFailed("instructions are counted by valgrind: install it (on Debian: apt-get install valgrind)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [
            valgrind, "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/counts.%p",
            sys.executable, "-m", "tests.bench.protocols", ",".join(modes), str(WARM + CALLS), str(WARM),
            str(build(folder)),
        ]  # fmt: skip
        env = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=env)
        processes = dict(line.split() for line in done.stdout.splitlines())
        found = {mode: total(folder, process) // CALLS for mode, process in processes.items()}
    if done.returncode or found.keys() != set(modes) or not all(found.values()):
        raise BenchFailed(f"not all was counted, only {found}:\n{done.stderr[-2000:]}")
    return found


def build(folder: Path) -> Path:
    """The library that turns counting on and off."""
    library = folder / "counting.so"
    command = [shutil.which("cc") or "cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "valgrind.c")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if built.returncode:
        raise BenchFailed(f"cc could not build valgrind.c:\n{built.stderr}")
    return library


def total(folder: Path, process: str) -> int:
    """What a process counted; it also writes a file when it ends, of nothing."""
    texts = [path.read_text() for path in folder.glob(f"counts.{process}*")]
    return max((int(one[1]) for text in texts if (one := re.search(r"^totals: (\d+)", text, re.MULTILINE))), default=0)
