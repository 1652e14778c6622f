"""The simulation as CI runs it: many seeds, every kind of fault and trigger met, the same run every time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from roost.testing.faults import FAULTS

from .__main__ import replay, sweep
from .run import simulate

SEEDS = {"memory": (100_000, 5000), "objects": (0, 180), "sqlite": (0, 300)}
"""Store -> the first seed and how many."""
TRIGGERS = {"call", "message", "connect", "disconnect", "alarm"}
OPERATIONS = {"hibernate", "destroy", "move", "redrive", "migrate"}
CALLS = {
    "store.load", "store.get", "store.outcome", "store.commit", "store.park", "store.settle", "store.due",
    "store.next_armed", "store.unfinished", "courier.deliver", "courier.ask", "wire.send", "alarms.arm",
}  # fmt: skip
SYNCHRONOUS = {"store.due", "store.next_armed", "store.unfinished"}
READS = {"store.load", "store.get", "store.outcome"}
NETWORK = {
    "fault:courier:duplicate", "fault:network:reorder", "fault:network:twice", "fault:clock:jump", "fault:host:crash",
    "fault:fetch:fail", "fault:fetch:delay",
}  # fmt: skip


@pytest.fixture(scope="module", params=sorted(SEEDS))
def counts(request: pytest.FixtureRequest) -> Counter[str]:
    """Counters of all seeds; fails with the command that replays the first that broke a rule."""
    store: str = request.param
    total: Counter[str] = Counter()
    first, count = SEEDS[store]
    for _, more, bad in sweep(first, count, store, os.cpu_count() or 1):
        total += more
        if bad:
            pytest.fail(replay(bad[0], store, 60))
    total["seeds"] = count
    return total


def test_every_kind_of_fault_struck_every_kind_of_call(counts: Counter[str]) -> None:
    wanted = set(NETWORK)
    for call in CALLS:
        for fault in FAULTS if counts["seeds"] >= 5000 else ():
            if call in SYNCHRONOUS and fault != "fail":
                continue
            if call in READS and fault == "lose":
                continue
            wanted.add(f"fault:{call}:{fault}")
    assert not sorted(name for name in wanted if not counts[name])


def test_every_kind_of_trigger_and_operation_ran(counts: Counter[str]) -> None:
    wanted = {f"trigger:{kind}" for kind in TRIGGERS} | {f"operator:{kind}" for kind in OPERATIONS}
    wanted |= {
        "ask:ask-cycle",
        "ask:ask-timeout",
        "asked",
        "told",
        "peek",
        "fetch",
        "clash-refused",
        "frame",
        "redrive",
    }
    assert not sorted(name for name in wanted if not counts[name])


@pytest.mark.parametrize("store", sorted(SEEDS))
def test_a_seed_runs_the_same_in_any_process(store: str) -> None:
    seeds = range(40, 46)
    here = [simulate(seed, store).hash for seed in seeds]
    code = f"from tests.simulation.run import simulate\nprint([simulate(s, {store!r}).hash for s in {list(seeds)}])"
    for hash_seed in ("1", "4242"):
        path = os.pathsep.join(p for p in sys.path if p)
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
        )  # fmt: skip
        assert run.stdout.strip() == str(here), run.stderr


def test_different_seeds_are_different_runs() -> None:
    assert len({simulate(seed).hash for seed in range(8)}) == 8
