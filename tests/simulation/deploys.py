"""Deploys of a model that refuses some of what is stored, each ended by one that takes it again; and rollouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias

from roost.contract.address import Address
from roost.contract.errors import NotFound, RoostError
from roost.contract.trigger import Nothing, Trigger

from .client import Operator
from .rollouts import rollout
from .world import World

ODDS: Final = 0.06
"""Share of the seeds with such a deploy."""
REFUSED: Final = frozenset("0123456789")
"""Last digits of the tokens whose states it refuses."""


Deploy: TypeAlias = Callable[[World, Operator], Coroutine[Any, Any, None]]


def of_seed(seed: int, hosts: int) -> Deploy:
    """A seed's deploys, most often none. Their numbers are their own: all other seeds are what they were."""
    rng = Random(f"deploys of {seed}")
    if hosts == 1 and rng.random() < ODDS:
        return partial(deploys, rng=rng)
    rng = Random(f"rollouts of {seed}")
    return partial(rollout, rng=rng) if rng.random() < ODDS else none


async def none(world: World, operator: Operator) -> None:
    """No deploy."""


async def deploys(world: World, operator: Operator, rng: Random) -> None:
    """One or two, each in force for a while."""
    for _ in range(rng.choice([1, 1, 2])):
        await asyncio.sleep(rng.random() * 12)
        model = world.model
        _replace(world, frozenset(t for t in model.tokens if t and t[-1] in REFUSED))
        await asyncio.sleep(3.0 + rng.random() * 4)
        for address, life in list(model.lives.items()):
            if life.exists and life.token in model.refused:
                await _inspect(world, operator, address)
        await asyncio.sleep(rng.random() * 15)
        _replace(world, frozenset())


def _replace(world: World, refused: frozenset[str]) -> None:
    """The hosts of the last deploy are gone before one of the next runs."""
    world.history.note("deploy", f"refuses {len(refused)} states")
    for machine in list(world.machines):
        world.kill(machine)
    world.model.refused = refused


async def _inspect(world: World, operator: Operator, address: Address) -> None:
    """Status and export work in quarantine."""
    export = Trigger("export", Nothing(), source="admin")
    try:
        status = await operator.again("status", lambda r: r.status(address), 2)
        refused = world.model.life(address).token in world.model.refused  # not destroyed meanwhile
        if status is not None and refused and status["status"] != "quarantined":
            world.history.broken("quarantine", f"{address} is refused, its status is {status['status']}")
        if await operator.admin(address, export) is not None:
            world.history.note("quarantine:export", str(address))
    except NotFound:
        world.history.note("operator:absent", str(address))
    except RoostError as error:
        if error.code == "quarantined":
            world.history.broken("quarantine", f"{address} can't be exported: {error.message}")
        world.history.note("operator:refused", f"export {error.code}")
