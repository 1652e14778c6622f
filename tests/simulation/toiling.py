"""Which worlds have jobs, and what is theirs."""

from __future__ import annotations

from random import Random
from typing import Final

from . import toiler
from .job_model import JobModel
from .job_streams import Streams
from .labour import Labours, labour
from .telling import Telling
from .world import World

ODDS: Final = 1 / 3
"""Share of the seeds whose agents have jobs."""


TOLD: Final = 1 / 2
"""Share of those whose jobs wait for signals and ask questions."""


def toiling(seed: int) -> bool:
    """Whether the agents of a seed have jobs. All other seeds are what they were."""
    return Random(f"jobs of {seed}").random() < ODDS


def telling(seed: int) -> bool:
    """Whether the jobs of a seed are told something. All other seeds are what they were."""
    return Random(f"told of {seed}").random() < TOLD


def toil(seed: int, world: World, streams: bool, told: bool = False) -> None:
    """Give the agents of a world jobs. `streams`: which say what they do, to readers; `told`: which ask, and hear."""
    world.model.jobs = JobModel(world.history, world.model.tokens)
    world.labours = Labours(world.model.jobs, Random(f"toil of {seed}"))
    world.app = toiler.make
    labour(world.labours)
    world.toils()
    if told:
        world.labours.telling = world.model.jobs.telling = Telling(world, world.model.jobs, Random(f"tell of {seed}"))
    if streams:
        world.labours.streams = world.model.jobs.streams = Streams(world, world.model.jobs, Random(f"read of {seed}"))
