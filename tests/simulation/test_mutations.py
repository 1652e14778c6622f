"""The simulation finds bugs: each deliberate defect is seen, and the same seeds pass without it."""

from __future__ import annotations

from functools import lru_cache

import pytest

from .mutation import Mutation
from .mutations import MUTATIONS
from .run import simulate
from .table import BOUND, PAGE, caught


@lru_cache(maxsize=4096)
def passes(seed: int, store: str, jobs: bool, streams: bool, told: bool) -> bool:
    return simulate(seed, store, jobs=jobs, streams=streams, told=told).violation is None


@pytest.mark.parametrize(
    "mutation",
    [pytest.param(m, id=m.name, marks=[pytest.mark.long] if m.slow else []) for m in MUTATIONS],
)
def test_a_defect_is_seen_and_its_absence_too(mutation: Mutation) -> None:
    outcome = caught(mutation)
    assert outcome is not None, f"nothing was seen in {BOUND} seeds"
    for seed in range(mutation.first, outcome.seed + 1):
        given = mutation.store, mutation.jobs, mutation.streams, mutation.told
        assert passes(seed, *given), f"seed {seed} fails without the defect"


def test_the_page_lists_every_mutation() -> None:
    table = PAGE.read_text().split("<!-- mutations -->")[1].split("<!-- /mutations -->")[0]
    listed = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert listed[1:] == [m.name for m in MUTATIONS], "run: python -m tests.simulation.table"
