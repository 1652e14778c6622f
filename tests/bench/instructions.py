"""`scripts/bench instructions`: instructions of a call, counted by valgrind: the figure that holds still under load."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .figure import BenchFailed, show
from .protocols import MODES

HERE = Path(__file__).parent
WARM, CALLS = 400, 800


def main(argv: Sequence[str]) -> int:
    """A line a mode; two runs of one Python agree within 0.3 %."""
    parser = argparse.ArgumentParser(prog="scripts/bench instructions", description=__doc__)
    parser.add_argument("modes", nargs="*", help=f"of {', '.join(MODES)} (default: all)")
    modes: list[str] = parser.parse_args(argv).modes or list(MODES)
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise BenchFailed("instructions are counted by valgrind: install it (on Debian: apt-get install valgrind)")
    if unknown := set(modes) - set(MODES):
        raise BenchFailed(f"there is no mode {', '.join(sorted(unknown))}; the modes are {', '.join(MODES)}")
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    print(f"# Python {sys.version.split()[0]}, {'' if optimised else 'not '}an optimised build", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        library = build(Path(folder))
        for mode in modes:
            show(f"instructions.{mode}", count(valgrind, mode, library, Path(folder)), "instructions")
    return 0


def build(folder: Path) -> Path:
    """The library that turns counting on and off."""
    library = folder / "counting.so"
    command = [shutil.which("cc") or "cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(HERE / "valgrind.c")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if built.returncode:
        raise BenchFailed(f"cc could not build valgrind.c:\n{built.stderr}")
    return library


def count(valgrind: str, mode: str, library: Path, folder: Path) -> float:
    """Instructions a call, over `CALLS` calls after `WARM`."""
    command = [
        valgrind, "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/{mode}",
        sys.executable, "-m", "tests.bench.protocols", mode, str(WARM + CALLS), str(WARM), str(library),
    ]  # fmt: skip
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=env)
    totals = [
        int(found[1])
        for path in folder.glob(f"{mode}*")
        if (found := re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE))
    ]
    if done.returncode or not any(totals):
        raise BenchFailed(f"{mode} was not counted:\n{done.stderr[-2000:]}")
    return max(totals) / CALLS
