"""Random programs do the same on every backend; and a difference would be seen."""

from __future__ import annotations

import pytest

from roost.hosting.platform import find

from .compare import compare, different
from .names import named
from .program import AGENTS, WEIGHTS, program

pytestmark = pytest.mark.anyio
SEED = 20261128


async def test_backends_do_the_same() -> None:
    harnesses = {name: find(name).harness() for name in ("memory", "local", "cloudflare")}
    found = await compare(harnesses, range(SEED, SEED + 2), 30, crashes=True, say=print)
    assert not found, "\n".join(f"scripts/parity --seeds 1 --from {d.seed} --length 30\n{d.text}" for d in found)


def test_a_seed_is_a_program() -> None:
    assert program(7, 50) == program(7, 50) != program(8, 50)
    acts = [act for seed in range(40) for act in program(seed, 40)]
    assert {act.what for act in acts} == {*WEIGHTS, "crash"}
    assert {act.agent for act in acts} == set(range(AGENTS))
    assert all(act.what != "crash" for seed in range(40) for act in program(seed, 40, crashes=False))


def test_differences_are_shown_with_their_seed() -> None:
    assert different(3, {"a": ["1", "2"], "b": ["1", "2"]}) == []
    [found] = different(3, {"a": ["1", "2"], "b": ["1", "3"]})
    assert (found.seed, found.backend, found.than) == (3, "b", "a") and "-2\n+3" in found.text
    [broken] = different(3, {"a": ["1"], "b": AssertionError("never over")})
    assert "never over" in broken.text


def test_names_hide_ids_and_times_and_nothing_else() -> None:
    seen = named({"at": 1.5, "next_wake": None, "status": "asleep", "metrics": {}, "detail": "see 0123456789abcdef"})
    assert seen == {"at": True, "next_wake": False, "detail": "see <fault>"}
    assert named({"status": 409, "version": 7, "key": "p12-1-0a1b2c3d"}) == {
        "status": 409, "version": True, "key": "agent1",
    }  # fmt: skip
    one = {"key": "q", "due": 9.0, "spec": {"kind": "every", "ms": 5}, "target": "rung"}
    assert named(one) == {"key": "q", "due": True, "spec": {"kind": "every", "ms": 5}, "target": "rung"}
