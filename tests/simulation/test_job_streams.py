"""Streams of jobs where everything goes wrong: each reader has what is stored, of each step what one run said."""

from __future__ import annotations

import pytest

from .run import simulate

SEEDS = [("memory", seed) for seed in range(12)] + [("objects", seed) for seed in range(6)] + [("sqlite", 1)]


@pytest.mark.parametrize(("store", "seed"), SEEDS)
def test_readers_have_what_is_stored(store: str, seed: int) -> None:
    outcome = simulate(seed, store, jobs=True, streams=True)
    assert outcome.violation is None, f"seed {seed} of {store}: {outcome.violation}"
    assert outcome.counts["said"] > 0 or outcome.counts["job"] == 0
