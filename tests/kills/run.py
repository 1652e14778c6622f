"""Kill, restart, check; again.

The moment is drawn twice: after how many answers of the round, and how much later. So a kill meets a host that has
just begun as often as one under full load, however fast it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Final

from roost_client import Backoff, Client
from roost_conformance.harness import Harness
from roost_lambda.harness import LambdaHarness

from .check import Violation, check, settle
from .load import Ledger, Load

ROUNDS: Final = 8
"""Kills that one set of agents lives through; then it is checked once more, and a fresh one begins."""
ANSWERS: Final = (0, 1, 3, 10, 30)
"""How many a round waits for before its kill."""
WORKERS: Final = 8
AGAIN: Final = 0.4
"""Of the kills, those that another follows before the host is up again."""
SWEEP: Final = 90.0
"""Seconds within which Lambda's sweep, which comes each minute, has come and gone."""
SOON: Final = 2.0
"""Seconds after which it waits for no more of them."""


@dataclass(slots=True)
class Tally:
    """What a run did."""

    kills: int = 0
    operations: int = 0
    acknowledged: int = 0
    repeated: int = 0
    jobs: int = 0
    """Of the operations, those that start one."""
    partly: int = 0
    """Of the kills, those that left some of the hosts alive."""
    restarts: list[float] = field(default_factory=list[float])
    """Seconds from the kill of all hosts to the first answer."""

    def __str__(self) -> str:
        ordered = sorted(self.restarts) or [0.0]
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        return (
            f"{self.kills} kills ({self.partly} of some hosts only), "
            f"{self.operations} operations, {self.acknowledged} acknowledged before their kill, "
            f"{self.repeated} repeated by key, {self.jobs} jobs; restart {median(ordered):.2f} s median, "
            f"{p99:.2f} s p99; 0 violations"
        )


async def run(
    harness: Harness, kills: int, seed: int, say: Callable[[str], None], workers: int = WORKERS, jobs: int | None = None
) -> Tally:
    """`workers`: clients at once. `jobs`: kills that meet jobs, the first; None = all. Violation: with the round it was
    found in."""
    random, tally = Random(seed), Tally()
    await harness.start(restless=False)
    try:
        while tally.kills < kills:
            sweep = SWEEP if isinstance(harness, LambdaHarness) else 0.0
            left = kills if jobs is None else max(0, jobs - tally.kills)
            ledger = Ledger(f"s{seed}e{tally.kills}", sweep, harness.capabilities.jobs and left > 0)
            for _ in range(min(ROUNDS, kills - tally.kills, left or ROUNDS)):
                try:
                    await one_round(harness, ledger, random, tally, workers)
                except Violation as found:
                    said = harness.log
                    raise Violation(f"seed {seed}, kill {tally.kills}: {found}\n{said}") from found
                say(f"kill {tally.kills}: {len(ledger.operations)} operations, {ledger.acknowledged} acknowledged")
            tally.operations += len(ledger.operations)
            tally.jobs += sum(1 for one in ledger.operations if one.job)
    finally:
        await harness.stop()
    return tally


async def one_round(harness: Harness, ledger: Ledger, random: Random, tally: Tally, workers: int) -> None:
    def client(retries: int) -> Client:
        return Client(
            harness.url, token=harness.admin_token, base_path=harness.base_path, retries=retries, timeout=60,
            backoff=Backoff(first=0.05, most=0.5),
        )  # fmt: skip

    before = ledger.acknowledged
    async with client(0) as plain, client(100) as patient:
        load = Load(plain, patient, ledger, random)
        load.start(workers)
        await _answers(ledger, before + random.choice(ANSWERS))
        await asyncio.sleep(random.uniform(0.02, 0.4))
        await _crash(harness, load, random, tally)
        if random.random() < AGAIN:  # again, in the middle of what a restart brings about
            await asyncio.sleep(random.uniform(0.0, 0.1))
            await _crash(harness, load, random, tally)
        await load.ended()
        tally.acknowledged += ledger.acknowledged - before
    async with client(0) as once, client(100) as reader:
        tally.repeated += await settle(once, ledger)
        await check(reader, ledger)


async def _answers(ledger: Ledger, many: int) -> None:
    edge = time.monotonic() + SOON
    while ledger.acknowledged < many and time.monotonic() < edge:  # noqa: ASYNC110  a moment, not an event
        await asyncio.sleep(0.005)


async def _crash(harness: Harness, load: Load, random: Random, tally: Tally) -> None:
    load.over()
    tally.kills += 1
    if isinstance(harness, LambdaHarness) and random.random() < 0.5:  # others live on, and take over
        tally.partly += 1
        await harness.crash_some(random)
        return
    began = time.monotonic()
    await harness.crash()
    tally.restarts.append(time.monotonic() - began)
