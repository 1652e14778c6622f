"""A pydantic-ai agent run inside a job: journaled, killed everywhere, and never paid twice for what was recorded."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from roost import App
from roost.testing import world

from .thinking import COUNTS, EVENTS, Desk

APP = App([Desk])
ONCE = Counter({"model": 4, "weather": 2, "shout": 1, "flaky": 2})


@pytest.fixture(autouse=True)
def fresh() -> None:
    COUNTS.clear()
    EVENTS.clear()


async def _run(told: bool, kill: int | None = None, fault: Any = None, restless: bool = False) -> tuple[Any, int]:
    """What the job returned, and how often the host died."""
    async with world(APP, restless=restless) as w:
        if kill is not None:
            w.faults.once("journal.append", fault, after=kill)
        id = await w.agent(Desk, "a").ask("hi", told)
        for _ in range(20):
            await w.advance(minutes=1)
            found = await w.job(Desk, "a", id)
            if found.status == "ended":
                assert found.error is None, found.error
                return found.outcome, w.crashes
    raise AssertionError("it does not end")


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("told", [False, True])
async def test_each_call_happens_once(told: bool, restless: bool) -> None:
    outcome, _ = await _run(told, restless=restless)
    output, spent, run_id, said = outcome
    assert output.strip() == "all done"
    assert (spent[0], spent[3], len(run_id)) == (4, 4, 36)
    assert dict(COUNTS) == ONCE
    assert [name for name, _ in said].count("ToolReturnPart") == 5
    if told and not restless:
        assert EVENTS.count("FunctionToolResultEvent") == 5
    assert ("PartDeltaEvent" in EVENTS) == told


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("fault", ["crash-before", "crash-after"])
async def test_killed_at_each_row_nothing_recorded_happens_again(told: bool, fault: str) -> None:
    """A row holds the outcomes of at most the three tools that run at once: those not yet recorded run again."""
    whole, _ = await _run(told)
    kill, crashes = 0, 1
    while crashes:
        COUNTS.clear()
        outcome, crashes = await _run(told, kill, fault)
        assert outcome[:3] == whole[:3], (kill, outcome, whole)
        again = COUNTS - ONCE
        assert again["model"] + again["flaky"] <= 1, (kill, again)
        assert not (again["model"] and len(again) > 1), (kill, again)
        if fault == "crash-after":  # its outcome is in the row: only what ran beside it may run again
            assert again["model"] == again["flaky"] == 0, (kill, again)
        kill += 1
    assert kill > 8
