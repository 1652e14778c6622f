"""`scripts/conformance BACKEND`: the whole catalogue against it, both modes; `--list` names the cases."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from roost import __version__
from roost.contract.errors import RoostError
from roost.hosting.platform import find, names

from .case import catalogue
from .harness import Harness
from .publish import options, publish
from .report import Document, document
from .run import run
from .security.attack import catalogue as attacks
from .security.suite import attack_all
from .security.target import look


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; 0 when nothing failed, 2 when there is no such backend."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("backend", nargs="?", help=f"one of {', '.join(names())}")
    parser.add_argument("--list", action="store_true", help="print the cases and the rule each proves")
    parser.add_argument("--only", default="*", metavar="GLOB", help="run the cases whose name matches")
    parser.add_argument("--mode", choices=["resident", "hibernating"], help="run one mode only")
    parser.add_argument("--security", action="store_true", help="try the attacks instead of the cases")
    options(parser)
    given = parser.parse_args(argv)
    if given.list and given.security:
        for attack in attacks():
            say(f"{attack.line:>6}  {attack.name}: {attack.title}")
        return 0
    if given.list:
        for case in catalogue():
            say(f"{case.rule:>6}  {case.name}: {case.title}")
        return 0
    if given.backend is None:
        parser.error("name a backend, or --list")
    try:
        harness = find(given.backend).harness()
    except RoostError as error:
        parser.error(error.message)
    if given.security:
        found = asyncio.run(_attack(harness, given.backend, given.only))
        for path in publish(found, given):
            say(f"written: {path}")
        say(found.totals)
        return 1 if found.count("failed") or not found.count("passed") else 0
    modes = [given.mode == "hibernating"] if given.mode else [False, True]
    report = asyncio.run(run(harness, modes=modes, only=given.only, say=say))
    if report.failed and harness.log:
        say(harness.log)
    found = document(
        report, deployment=given.backend, version=__version__, capabilities=harness.capabilities, modes=modes
    )
    for path in publish(found, given):
        say(f"written: {path}")
    say(report.totals)
    return 1 if report.failed or not report.passed else 0


async def _attack(harness: Harness, backend: str, only: str) -> Document:
    """The attacks against a backend that is started for them."""
    await harness.start(restless=False)
    try:
        target = await look(harness.url, harness.admin_token, base_path=harness.base_path)
        return await attack_all(target, backend, only, say)
    finally:
        await harness.stop()


def say(line: str) -> None:
    """One line of the report, at once: a run takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
