"""`scripts/simulate`: seeds, on all processors; a failing seed prints the command that replays it."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from .run import Outcome, simulate
from .stores import STORES

CHUNK = 25
TAIL = 40


def chunk(first: int, count: int, store: str) -> tuple[int, Counter[str], list[Outcome]]:
    """Run some seeds; (how many, counters, what went wrong)."""
    counts: Counter[str] = Counter()
    bad: list[Outcome] = []
    with _rarely_collected():
        for seed in range(first, first + count):
            outcome = simulate(seed, store)
            counts.update(outcome.counts)
            if outcome.violation is not None:
                bad.append(outcome)
    return count, counts, bad


@contextmanager
def _rarely_collected() -> Generator[None]:
    """The collector goes through what a world made, not through all that was there before: a tenth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def sweep(first: int, seeds: int, store: str, processes: int) -> Iterator[tuple[int, Counter[str], list[Outcome]]]:
    """`chunk` after `chunk`, over all processors."""
    starts = range(first, first + seeds, CHUNK)
    sizes = [min(CHUNK, first + seeds - s) for s in starts]
    if processes == 1 or seeds <= CHUNK:
        yield from map(chunk, starts, sizes, [store] * len(sizes))
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(chunk, starts, sizes, [store] * len(sizes))


def replay(outcome: Outcome, store: str, tail: int) -> str:
    """A failed seed for people: its last lines, the rule, the command."""
    assert outcome.violation is not None
    end = next(i for i, line in enumerate(outcome.lines) if " violation " in line) + 1
    lines = "\n".join(outcome.lines[max(0, end - tail) : end])
    return (
        f"\n{lines}\n\nseed {outcome.seed} on {store}: {outcome.violation}\nreplay: scripts/simulate --from "
        f"{outcome.seed} --seeds 1 --store {store}  (history {outcome.hash})"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/simulate", description="Deterministic simulation of Roost.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default: 0)")
    parser.add_argument("--store", choices=sorted(STORES), default="memory")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tail", type=int, default=TAIL, help="lines of history shown of a failed seed")
    parser.add_argument("--counts", action="store_true", help="show how often everything happened")
    given = parser.parse_args()
    started, done, failed = time.monotonic(), 0, 0
    counts: Counter[str] = Counter()
    for count, more, bad in sweep(given.first, given.seeds, given.store, given.processes):
        done += count
        counts += more
        for outcome in bad:
            failed += 1
            if failed <= 5:
                print(replay(outcome, given.store, given.tail), flush=True)
            else:
                print(f"seed {outcome.seed}: {outcome.violation}", flush=True)
        if sys.stderr.isatty():
            rate = done / (time.monotonic() - started)
            print(
                f"\r{done} of {given.seeds} seeds, {failed} failed, {rate:.0f}/s ", end="", file=sys.stderr, flush=True
            )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if given.counts:
        for name, n in sorted(counts.items()):
            print(f"{n:>10}  {name}")
    faults = sum(n for name, n in counts.items() if name.startswith("fault:"))
    steps = counts.total()
    print(
        f"{done} seeds on {given.store} in {time.monotonic() - started:.0f} s: {failed} failed; {steps} steps, "
        f"{counts['commit']} commits, {faults} faults, {counts['crash']} crashes"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
