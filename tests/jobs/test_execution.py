"""Executors over one journal: what is recorded never runs again, what runs once at most never twice, one outcome."""

from __future__ import annotations

from random import Random

import pytest

from roost.contract.journal import RESUMES
from roost.engine.jobs.execution import Execution
from roost_conformance.bodies.lives import embody

from .executors import World


def outcome(world: World) -> bytes:
    """What the journal says that the job came to; and what a fresh body comes to that hears the same."""
    facts = world.journal.facts()
    ends = [fact for fact in facts if fact.kind == "ended"]
    assert len(ends) == 1 and facts[-1] is ends[0]
    execution = Execution(embody(world.seed)[0], "replay")
    execution.open(world.journal.read()[:-1], world.now)
    assert execution.body.done
    assert execution.state == "claiming"
    execution.body.close()
    return ends[0].data


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("first", range(0, 120, 40))
def test_executors_of_one_job_come_to_one_outcome(first: int) -> None:
    lost = crashes = let_go = settled = 0
    for seed in range(first, first + 40):
        world = World(seed, Random(seed))
        for _ in range(20_000):
            if world.ended and not world.executors:
                break
            world.happen()
        assert world.ended, f"program {seed} never ends: {[e.execution.state for e in world.executors]}"
        outcome(world)
        heard = [f.id for f in world.journal.facts() if f.kind in RESUMES and f.kind not in ("cancel", "fired")]
        assert len(heard) == len(set(heard)), f"program {seed} has two outcomes of one call"
        lost += world.lost
        crashes += world.crashes
        let_go += world.let_go
        settled += world.settled
    assert lost > 10 and crashes > 40 and let_go > 10 and settled > 40
