"""Runs the catalogue against a harness: `N passed, M failed` is its last word."""

from __future__ import annotations

import asyncio
import fnmatch
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .case import Case, catalogue
from .crowd import Crowd
from .harness import Harness
from .stage import Stage

Mode: TypeAlias = Literal["resident", "hibernating"]
BESIDE = 8
"""Cases that run at once; those that crash the host run alone, last."""
THINKING = "chat"
"""The rule of the cases for which alone a harness takes along what agents that think need."""
LIMIT = 120.0
"""Seconds a single case may take."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case in one mode. `trace` None: it passed."""

    case: Case
    mode: Mode
    seconds: float
    trace: str | None


@dataclass(slots=True)
class Report:
    """What became of each case. `unable`: not run, because it needs a harness that can do more."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    unable: list[tuple[Case, Mode]] = field(default_factory=list[tuple[Case, Mode]])

    @property
    def passed(self) -> int:
        return sum(1 for one in self.outcomes if one.trace is None)

    @property
    def failed(self) -> int:
        return len(self.outcomes) - self.passed

    @property
    def totals(self) -> str:
        """`N passed, M failed`, and what was not run, if anything."""
        more = f", {len(self.unable)} need a harness and were not run" if self.unable else ""
        return f"{self.passed} passed, {self.failed} failed{more}"


async def run(
    harness: Harness,
    *,
    modes: Sequence[bool] = (False, True),
    only: str = "*",
    crashes: bool = True,
    say: Callable[[str], None] = print,
) -> Report:
    """Every case in both modes: as the backend is, and hibernating between any two ticks.

    `crashes` False: the harness can't kill the host; the cases that do are listed as `unable`.
    """
    report = Report()
    chosen = [c for c in catalogue() if fnmatch.fnmatch(c.name, only)]
    if chosen and all(c.rule == THINKING for c in chosen) and hasattr(harness, "thinks"):
        able: Any = harness
        able.thinks = True
    for restless in modes:
        mode: Mode = "hibernating" if restless else "resident"
        await harness.start(restless=restless)
        try:
            gate = asyncio.Semaphore(getattr(harness, "beside", BESIDE))

            async def one(
                case: Case,
                crowd: Crowd | None = None,
                gate: asyncio.Semaphore = gate,
                mode: Mode = mode,
                restless: bool = restless,
            ) -> None:
                async with crowd.member() if crowd else gate:
                    began = time.monotonic()
                    trace = await _drive(case, Stage(harness, case.name, restless=restless, crowd=crowd))
                    report.outcomes.append(Outcome(case, mode, time.monotonic() - began, trace))
                say(f"{'ok  ' if trace is None else 'FAIL'} {mode:<11} {case.rule:>5}  {case.name}")
                if trace is not None:
                    say(trace)

            await asyncio.gather(*(one(c) for c in chosen if not (c.crashes or c.alone)))
            for case in chosen:
                if case.alone:
                    await one(case)
            together = [c for c in chosen if c.together and crashes]
            for name in dict.fromkeys(c.together for c in together):
                some = [c for c in together if c.together == name]
                crowd = Crowd(harness, len(some), gate)
                await asyncio.gather(*(one(c, crowd) for c in some))
            for case in chosen:
                if case in together:
                    continue
                if case.crashes and crashes:
                    await one(case)
                elif case.crashes:
                    report.unable.append((case, mode))
                    say(f"-    {mode:<11} {case.rule:>5}  {case.name}: needs a harness that kills the host")
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
