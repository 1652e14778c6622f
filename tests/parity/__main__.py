"""`scripts/parity --seeds N --from S [--on memory,local,...]`: random programs do the same on every backend."""

from __future__ import annotations

import argparse
import asyncio
import sys

from roost.contract.errors import RoostError
from roost.hosting.platform import find

from .compare import compare

ON = "memory,local,cloudflare"


def main() -> int:
    """0: all histories are the same."""
    parser = argparse.ArgumentParser(prog="scripts/parity", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, metavar="N")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="S", help="the first seed")
    parser.add_argument("--length", type=int, default=40, metavar="ACTS", help="of each program")
    parser.add_argument("--on", default=ON, metavar="BACKENDS", help=f"as of scripts/conformance (default: {ON})")
    parser.add_argument("--no-crashes", action="store_true", help="leave out the acts that kill the host")
    given = parser.parse_args()
    try:
        harnesses = {name: find(name).harness() for name in given.on.split(",")}
    except RoostError as error:
        parser.error(error.message)
    found = asyncio.run(
        compare(
            harnesses, range(given.first, given.first + given.seeds), given.length, crashes=not given.no_crashes,
            say=lambda line: print(line, flush=True),
        )
    )  # fmt: skip
    for one in found:
        print(f"scripts/parity --seeds 1 --from {one.seed} --length {given.length} --on {given.on}")
    print(f"{given.seeds} seeds on {given.on}: {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
