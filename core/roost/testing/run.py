"""Runs the catalogue against a harness: `N passed, M failed` is its last word."""

from __future__ import annotations

import asyncio
import fnmatch
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .case import Case, catalogue
from .harness import Harness
from .stage import Stage

BESIDE = 8
"""Cases that run at once; those that crash the host run alone, last."""
LIMIT = 120.0
"""Seconds a single case may take."""


@dataclass(slots=True)
class Report:
    """What became of each case: name and mode -> None, or the trace."""

    results: dict[tuple[str, str], str | None] = field(default_factory=dict[tuple[str, str], "str | None"])

    @property
    def passed(self) -> int:
        return sum(1 for trace in self.results.values() if trace is None)

    @property
    def failed(self) -> int:
        return len(self.results) - self.passed


async def run(
    harness: Harness,
    *,
    modes: Sequence[bool] = (False, True),
    only: str = "*",
    say: Callable[[str], None] = print,
) -> Report:
    """Every case in both modes: as the backend is, and hibernating between any two ticks."""
    report = Report()
    chosen = [c for c in catalogue() if fnmatch.fnmatch(c.name, only)]
    for restless in modes:
        mode = "hibernating" if restless else "resident"
        await harness.start(restless=restless)
        try:
            gate = asyncio.Semaphore(BESIDE)

            async def one(
                case: Case, gate: asyncio.Semaphore = gate, mode: str = mode, restless: bool = restless
            ) -> None:
                async with gate:
                    trace = await _drive(case, Stage(harness, case.name, restless=restless))
                report.results[case.name, mode] = trace
                say(f"{'ok  ' if trace is None else 'FAIL'} {mode:<11} {case.rule:>5}  {case.name}")
                if trace is not None:
                    say(trace)

            await asyncio.gather(*(one(c) for c in chosen if not c.crashes))
            for case in chosen:
                if case.crashes:
                    await one(case)
        finally:
            await harness.stop()
    return report


async def _drive(case: Case, stage: Stage) -> str | None:
    try:
        async with asyncio.timeout(LIMIT):
            await case.drive(stage)
    except Exception:
        return traceback.format_exc()
    return None
