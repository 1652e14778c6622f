"""`scripts/kills BACKEND [--kills N] [--seed S]`: kill -9 at random moments under load, and count what is left."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from roost.contract.errors import RoostError
from roost.hosting.platform import find
from roost_conformance.harness import Harness

from .check import Violation
from .run import WORKERS, run
from .torn import TornHarness, compile_journal


def harness_of(backend: str, seed: int, folder: Path) -> Harness:
    """What is killed. `local-torn`: the local server on a disk that loses what was never synced."""
    if backend == "local-torn":
        return TornHarness(compile_journal(folder), folder / "journal", seed)
    return find(backend).harness()


def main() -> int:
    """0: nothing acknowledged was lost, nothing happened twice."""
    parser = argparse.ArgumentParser(prog="scripts/kills", description=__doc__)
    parser.add_argument("backend", help="local, local-torn (power is cut too), cloudflare, ...")
    parser.add_argument("--kills", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=int(time.time()), metavar="S", help="of the load and the moments")
    parser.add_argument("--workers", type=int, default=WORKERS, metavar="N", help="clients at once")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    try:
        with TemporaryDirectory() as folder:
            harness = harness_of(given.backend, given.seed, Path(folder))
            say = partial(print, flush=True)
            tally = asyncio.run(run(harness, given.kills, given.seed, say, workers=given.workers))
    except Violation as found:
        print(f"VIOLATION on {given.backend}: {found}\nscripts/kills {given.backend} --seed {given.seed}")
        return 1
    except RoostError as error:
        parser.error(error.message)
    print(f"{given.backend}: {tally}")
    if isinstance(harness, TornHarness):
        print(f"sectors never synced: {harness.torn}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
