"""Rolling deploys: hosts of two versions side by side, or one after the other, back and forth (rule 12).

States that the newer code has stored are not for the older: whoever meets one there is told to come back.
"""

from __future__ import annotations

import asyncio
from random import Random

from .client import Operator
from .world import World

OLD, NEW = 1, 2


async def rollout(world: World, operator: Operator, rng: Random) -> None:
    """Some hosts are replaced by newer ones, some of those by older ones again; in the end all are newer."""
    await asyncio.sleep(rng.random() * 10)
    share = rng.choice([0.3, 0.7])
    if world.model.jobs is not None:
        world.model.jobs.changed = True
    world.release = lambda: NEW if rng.random() < share else OLD
    for _ in range(rng.choice([2, 4])):
        world.history.note("rollout", f"{share:.0%} newer")
        for machine in list(world.machines):
            if rng.random() < 0.7:
                world.kill(machine)
        await asyncio.sleep(1 + rng.random() * 9)
    world.release = lambda: NEW
    world.history.note("rollout", "done")
    for machine in list(world.machines):
        world.kill(machine)
