"""Random asyncio programs: whatever happens, a replay takes the same path, and a body killed after any fact goes on."""

from __future__ import annotations

from random import Random

import pytest

from .lives import Life

PROGRAMS = 300
CHUNK = 60


def lives(seed: int, noise: Random) -> int:
    """Every life of one program; how many facts its first one heard."""
    others: list[object] = [object() for _ in range(noise.randint(0, 3000))]  # addresses differ from life to life
    first = Life(seed)
    first.go_on(Random(seed * 7 + 1))
    facts = first.facts
    first.close()
    for killed in range(len(facts) + 1):
        again = Life(seed)
        again.hear(facts[:killed])
        assert again.looks == first.looks[: killed + 1], f"program {seed}, replayed up to fact {killed}"
        again.go_on(Random(killed))  # another future
        again.close()
        replayed = Life(seed)
        replayed.hear(again.facts)
        assert replayed.looks == again.looks, f"program {seed}, killed after fact {killed}, gone on and replayed"
        replayed.close()
        del others[: len(others) // 3]
    return len(facts)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # lanes cancelled before they began
@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_a_program_takes_the_same_path_again(first: int) -> None:
    noise = Random(first)
    assert sum(lives(seed, noise) for seed in range(first, first + CHUNK)) > CHUNK
