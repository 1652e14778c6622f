"""`scripts/fuzz [--examples N] [--on BACKEND] [--seconds S]`: random values at every door of many state models."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from .deployed import deployed
from .door import Here
from .family import AGENTS, REFUSED
from .machine import Values


def main() -> int:
    """0: nothing accepted was lost, changed or unreadable."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, metavar="N", help="agents' lives (default: 1000)")
    parser.add_argument("--steps", type=int, default=12, help="of each life (default: 12)")
    parser.add_argument("--seconds", type=float, default=None, help="begin no more lives after these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shrink", action="store_true", help="make what was found smaller, for up to five minutes")
    parser.add_argument("--on", default="here", help="here (in this process), memory, local, cloudflare or lambda")
    given = parser.parse_args()
    started = time.monotonic()
    done = fuzz(given.on, given.examples, given.steps, given.seed, given.seconds, shrink=given.shrink)
    print(
        f"{done} lives of {len(AGENTS)} models on {given.on}, {len(REFUSED)} models refused, "
        f"{time.monotonic() - started:.0f} s: nothing lost, changed or unreadable"
    )
    return 0


def fuzz(on: str, examples: int, steps: int, first: int, seconds: float | None, *, shrink: bool = False) -> int:
    """Run the machine; how many lives. Raises what it found, with the steps that show it."""
    door = Here() if on == "here" else deployed(on)
    end = None if seconds is None else time.monotonic() + seconds
    lives = 0

    class Lives(Values):
        def __init__(self) -> None:
            nonlocal lives
            super().__init__()
            lives += 1

    Lives.door = door
    plan = settings(
        max_examples=25, stateful_step_count=steps, deadline=None, database=None, print_blob=True,
        verbosity=Verbosity.normal, phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )  # fmt: skip
    log = logging.getLogger("roost")
    level = log.level
    log.setLevel(logging.CRITICAL)  # handlers fail by the thousand here
    try:
        while lives < examples and (end is None or time.monotonic() < end):
            chosen = settings(plan, max_examples=min(25, examples - lives))
            run_state_machine_as_test(seed(first + lives)(Lives), settings=chosen)
    finally:
        log.setLevel(level)
        door.close()
    return lives


if __name__ == "__main__":
    sys.exit(main())
