"""`scripts/conformance local|memory|emulated-...`: the whole catalogue, both modes; `--list` names the cases."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial

from roost.testing.case import catalogue
from roost.testing.harness import Harness
from roost.testing.run import run

from .harness import LocalHarness, MemoryHarness

HARNESSES: dict[str, Callable[[], Harness]] = {
    "local": LocalHarness,
    "memory": MemoryHarness,
    "emulated-cloudflare": partial(MemoryHarness, "cloudflare"),
    "emulated-lambda": partial(MemoryHarness, "lambda"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("backend", nargs="?", choices=sorted(HARNESSES))
    parser.add_argument("--list", action="store_true", help="print the cases and the rule each proves")
    parser.add_argument("--only", default="*", metavar="GLOB", help="run the cases whose name matches")
    parser.add_argument("--mode", choices=["resident", "hibernating"], help="run one mode only")
    given = parser.parse_args(argv)
    if given.list:
        for case in catalogue():
            say(f"{case.rule:>6}  {case.name}: {case.title}")
        return 0
    if given.backend is None:
        parser.error("name a backend, or --list")
    modes = [given.mode == "hibernating"] if given.mode else [False, True]
    report = asyncio.run(run(HARNESSES[given.backend](), modes=modes, only=given.only, say=say))
    say(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


def say(line: str) -> None:
    """One line of the report, at once: a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
