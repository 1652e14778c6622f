"""Random asyncio programs: whatever happens, a replay takes the same path, and a body killed after any fact goes on."""

from __future__ import annotations

from random import Random

import pytest

from roost_conformance.bodies.again import every_life

PROGRAMS = 150
CHUNK = 50


def lives(first: int) -> None:
    noise = Random(first)
    assert sum(every_life(seed, noise) for seed in range(first, first + CHUNK)) > CHUNK


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # lanes cancelled before they began
@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_a_program_takes_the_same_path_again(first: int) -> None:
    lives(first)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("first", range(PROGRAMS, 5000, CHUNK))
def test_more_programs_take_the_same_path_again(first: int) -> None:
    lives(first)
