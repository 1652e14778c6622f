"""What a seed decides before anything runs: how many of what, which faults, how often."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from roost.testing.faults import Faults

QUIET = (0.0, 0.0, 0.01)
SHARES = (0.0, 0.01, 0.03, 0.08)


@dataclass(frozen=True, slots=True)
class Setting:
    """One world, as drawn."""

    hosts: int
    keys: tuple[str, ...]
    clients: int
    actions: int
    """How many each client does."""
    scans: bool
    sticky: bool
    restless: bool
    idle_after: float
    duplicates: float
    crashes: int
    """Crashes at any moment, besides those at a port call."""
    jumps: int
    backwards: bool
    operator: int
    """Hibernations, destructions, moves, redrives."""
    shares: tuple[float, float, float, float]
    """fail, lose, delay, crash"""
    calls: tuple[str, ...]
    log_limit: int

    def faults(self, seed: int) -> Faults:
        fail, lose, delay, crash = self.shares
        return Faults(fail, lose, delay, crash, longest=4.0, calls=self.calls, seed=seed)


def draw(rng: Random, *, hosts: int = 1) -> Setting:
    """The setting of a seed. `hosts`: the most that the store allows."""
    calm = rng.random() < 0.15
    calls = rng.choice(
        [(), (), (), ("store.",), ("store.commit",), ("courier.", "store.park", "store.settle"), ("wire.", "alarms.")]
    )
    return Setting(
        hosts=rng.choice([1, 1, hosts]),
        keys=tuple("abcd"[: rng.choice([1, 2, 3, 4])]),
        clients=rng.choice([1, 2, 3]),
        actions=rng.choice([4, 8, 12]),
        scans=rng.random() < 0.5,
        sticky=rng.random() < 0.5,
        restless=rng.random() < 0.15,
        idle_after=rng.choice([0.3, 2.0, 10.0]),
        duplicates=0.0 if calm else rng.choice([0.0, 0.1, 0.4]),
        crashes=0 if calm else rng.choice([0, 1, 2, 4]),
        jumps=0 if calm else rng.choice([0, 0, 0, 2]),
        backwards=rng.random() < 0.5,
        operator=rng.choice([0, 1, 3]),
        shares=(0.0, 0.0, 0.0, 0.0) if calm else (
            rng.choice(SHARES), rng.choice(SHARES), rng.choice(SHARES), rng.choice((0.0, 0.003, 0.02)),
        ),
        calls=calls,
        log_limit=rng.choice([5, 1000]),
    )  # fmt: skip
