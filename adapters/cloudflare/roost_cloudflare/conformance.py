"""`scripts/conformance cloudflare`: the whole catalogue in real workerd, both modes."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from roost.testing.run import run

from .harness import CloudflareHarness


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; 0 when nothing failed."""
    parser = argparse.ArgumentParser(prog="scripts/conformance cloudflare", description=__doc__)
    parser.add_argument("--only", default="*", metavar="GLOB", help="run the cases whose name matches")
    parser.add_argument("--mode", choices=["resident", "hibernating"], help="run one mode only")
    parser.add_argument("--log", action="store_true", help="print workerd's last lines at the end of a mode")
    given = parser.parse_args(argv)
    modes = [given.mode == "hibernating"] if given.mode else [False, True]
    harness = CloudflareHarness()
    report = asyncio.run(run(harness, modes=modes, only=given.only))
    if given.log or report.failed:
        print(harness.log)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
