"""`scripts/bench local`: the local backend beside a bare server and SQLite alone, on this machine."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from . import due, rest, sqlite
from .calls import Pace, calls, crash
from .figure import show
from .load import compile_load
from .profile import profile
from .rest import Sizes
from .server import ROOT

PARTS = ["sqlite", "calls", "crash", "agents", "sockets", "fan", "due"]


def main(argv: Sequence[str]) -> int:
    """Measure; one JSON object a line on stdout, all else on stderr."""
    parser = argparse.ArgumentParser(prog="scripts/bench local", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke of about half a minute: figures mean little")
    parser.add_argument("--long", action="store_true", help="1,000,000 registered agents too: many minutes")
    parser.add_argument("--profile", action="store_true", help="only show where time goes in calls (py-spy)")
    parser.add_argument("--only", metavar="PART", action="append", choices=PARTS, help=f"one of {', '.join(PARTS)}")
    given = parser.parse_args(argv)
    pace, sizes = Pace(), Sizes(most=1_000_000 if given.long else None)
    if given.quick:
        pace, sizes = Pace(1, 0.5, 0.2), Sizes(200, 2_000, None, 100, 200, 100, 5, 200)
    # Beside the repository, not in /tmp: that may be memory, where nothing is ever synced.
    home = ROOT / ".roost"
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=home))
    try:
        program = compile_load(folder)
        if given.profile:
            profile(program, folder)
            return 0
        run = given.only or PARTS
        if "sqlite" in run:
            disk(folder, pace)
        if "calls" in run:
            calls(program, folder, pace)
        if "crash" in run:
            crash(program, folder)
        if "agents" in run:
            rest.agents(program, folder, sizes)
        if "sockets" in run:
            rest.sockets(program, folder, sizes)
        if "fan" in run:
            rest.fan(program, folder, sizes)
        if "due" in run:
            due.due(program, folder, sizes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not any(home.iterdir()):
            home.rmdir()
    return 0


def disk(folder: Path, pace: Pace) -> None:
    """SQLite's own rate of durable upserts."""
    for waiters in (1, 32):
        found = [sqlite.measure(folder, waiters, pace.seconds) for _ in range(pace.rounds)]
        show(
            f"local.sqlite.{waiters}", median(r.rate for r in found), "1/s", p50_ms=median(r.p50_ms for r in found),
            p99_ms=median(r.p99_ms for r in found), commits=median(r.commits for r in found),
        )  # fmt: skip
