"""The simulation as CI runs it: many seeds, every kind of fault and trigger met, the same run every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from roost.testing.faults import FAULTS

from .__main__ import chunk, replay
from .run import simulate

SEEDS = {
    "dynamo": (0, 2, 130),
    "memory": (100_000, 17, 500),
    "objects": (0, 2, 250),
    "pool": (0, 2, 60),
    "sqlite": (0, 4, 185),
}
"""Store -> the first seed, how many chunks, seeds in each: 10,120 in all."""
CHUNKS = [(store, first + n * size, size) for store, (first, count, size) in SEEDS.items() for n in range(count)]
FOUND = [
    ("memory", 104_477),
    ("memory", 900_401),
    ("memory", 901_788),
    ("dynamo", 587),
    ("dynamo", 598),
    ("dynamo", 4_872),
    ("dynamo", 8_446),
    ("dynamo", 6_000_133),
    ("dynamo", 6_000_381),
    ("pool", 7_500_047),
]
"""Seeds that failed, of defects that are no mutation."""
TOILED = [("sqlite", 7_200_554)]
"""And of those whose agents have jobs."""
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
OUTCOMES = {"ask:ask-cycle", "asked", "told", "peek", "fetch", "clash-refused", "frame", "redrive", "rollout"}
READERS = {"streamed", "rpc-stream", "followed", "gap", "state"}
JOBS = {"job", "row", "step", "on-job", "job-over", "note", "answered-question"}
TABLE_CALLS = {"get_item", "query", "update_item", "transact_write_items"}
SHARED_FAULTS = {
    "fault:dynamo.update_item:ghost", "fault:dynamo.transact_write_items:ghost", "fault:dynamo.update_item:freeze",
    "fault:bells.ring:fail", "fault:bells.ring:lose", "fault:queue:duplicate", "fault:queue:late", "fault:host:crash",
    "fault:host:overran", "fault:wire.send:fail", "guest", "answered", "withdrawn", "relay", "sweep", "settle",
}  # fmt: skip

POOL_FAULTS = {
    "fault:host:pause", "fault:host:crash", "fault:notify:lost", "fault:pool.beat:fail", "fault:pool.poll:fail",
    "fault:leases.leave:fail", "fault:store.commit:lose", "fault:store.park:lose", "marked-dead", "over", "take",
    "leave",
}  # fmt: skip


@pytest.mark.parametrize(("store", "first", "count"), CHUNKS)
def test_no_seed_breaks_a_rule(store: str, first: int, count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fails with the command that replays the first that did. Chunks run in several processes; the last of a store's
    sees to it that enough happened in all of them."""
    _, counts, bad = chunk(first, count, store)
    if bad:
        pytest.fail(replay(bad[0], store, 60))
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"seeds-{store}"
    folder.mkdir(exist_ok=True)
    ended = folder / f"{first}.json"
    ended.with_suffix(".new").write_text(json.dumps(counts))
    ended.with_suffix(".new").replace(ended)
    chunks = list(folder.glob("*.json"))
    if len(chunks) == SEEDS[store][1]:
        total: Counter[str] = Counter()
        for one in chunks:
            total.update(json.loads(one.read_text()))
        missing = sorted(name for name in wanted(store) if not total[name])
        assert not missing, f"these never happened on {store}: {missing}"


@pytest.mark.parametrize(("store", "seed", "jobs"), [(*one, False) for one in FOUND] + [(*one, True) for one in TOILED])
def test_what_was_found_stays_mended(store: str, seed: int, jobs: bool) -> None:
    outcome = simulate(seed, store, jobs=jobs)
    assert outcome.violation is None, replay(outcome, store, 60)


def wanted(store: str) -> set[str]:
    """Every kind of fault at every kind of call (where there are seeds enough), of trigger, of operation."""
    found = {f"trigger:{kind}" for kind in TRIGGERS} | {f"operator:{kind}" for kind in OPERATIONS} | OUTCOMES | READERS
    if store == "dynamo":
        found |= SHARED_FAULTS | JOBS | {"carry", "job-message-again", "fault:journal.append:freeze"}
        return found | {f"fault:dynamo.{call}:{fault}" for call in TABLE_CALLS for fault in FAULTS}
    if store == "pool":
        return (found - {"gap", "migrate", "operator:migrate"}) | POOL_FAULTS
    found |= NETWORK | JOBS | {"fault:journal.append:crash-after", "ask:ask-timeout", "deploy", "quarantine:export"}
    for call in CALLS if store == "memory" else ():
        for fault in FAULTS:
            if (call in SYNCHRONOUS and fault != "fail") or (call in READS and fault == "lose"):
                continue
            found.add(f"fault:{call}:{fault}")
    return found


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
