"""Runs the attacks against a deployment, and makes the report of it: the functional suite's, line by line."""

from __future__ import annotations

import asyncio
import fnmatch
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

from ..report import CaseResult, Document, Result
from .attack import Attack, catalogue
from .target import Target

BESIDE: Final = 4
"""Attacks that run at once."""
LIMIT: Final = 240.0
"""Seconds one may take."""


async def attack_all(target: Target, deployment: str, only: str = "*", say: Callable[[str], None] = print) -> Document:
    """Every attack whose name matches."""
    gate = asyncio.Semaphore(BESIDE)

    async def one(attack: Attack) -> CaseResult:
        async with gate:
            began = time.monotonic()
            trace = await _drive(attack, target.fresh())
            outcome: Literal["passed", "failed"] = "passed" if trace is None else "failed"
            result = Result(outcome=outcome, seconds=round(time.monotonic() - began, 3), trace=trace)
        say(f"{'ok  ' if trace is None else 'FAIL'} {attack.line:>5}  {attack.name}")
        if trace is not None:
            say(trace)
        return CaseResult(name=attack.name, rule=attack.line, title=attack.title, modes={mode: result})

    mode: Literal["resident", "hibernating"] = "hibernating" if target.said.get("restless") else "resident"
    attacks = catalogue()
    chosen = [attack for attack in attacks if fnmatch.fnmatch(attack.name, only)]
    results = await asyncio.gather(*(one(attack) for attack in chosen))
    return Document(
        format="roost-security", deployment=deployment, backend=target.said["backend"], version=target.said["version"],
        at=datetime.now(UTC).replace(microsecond=0), capabilities=dict(target.said["capabilities"]),
        catalogue=len(attacks), modes=[mode], cases=list(results),
    )  # fmt: skip


async def _drive(attack: Attack, target: Target) -> str | None:
    try:
        async with asyncio.timeout(LIMIT):
            await attack.drive(target)
    except Exception:
        return traceback.format_exc()
    return None
