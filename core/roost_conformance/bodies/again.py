"""Every life of one random program: it is run, killed after each fact, replayed, and gone on with."""

from __future__ import annotations

from random import Random

from .lives import Life


def every_life(seed: int, noise: Random) -> int:
    """AssertionError: a replay took another path. How many facts the first life heard.

    From a plain callback of the host's loop: a body must not run inside a task.
    """
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
