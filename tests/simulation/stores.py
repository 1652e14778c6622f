"""The stores a simulation can run on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from roost.hosting.memory import MemoryStore
from roost.hosting.resident import OwnedStore
from roost.testing.faults import Faults

from . import objects, sqlite
from .cluster import Cluster
from .fleet import Fleet
from .history import History
from .pool import Pool
from .setting import Setting
from .world import World


@dataclass(frozen=True, slots=True)
class Opened:
    """A store for one run. `reopen`: what becomes of it when its host dies; None: it doesn't notice."""

    store: OwnedStore
    reopen: Callable[[], OwnedStore] | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """How a world over it is made, and how many hosts that may have at once."""

    make: Callable[[Setting, Random, History, Faults], AbstractContextManager[World]]
    hosts: int = 1
    jobs: bool = True
    """Whether its hosts carry jobs out."""


@contextmanager
def _memory(setting: Setting, rng: Random, faults: Faults) -> Generator[Opened]:
    yield Opened(MemoryStore(log_limit=setting.log_limit))


@contextmanager
def _sqlite(setting: Setting, rng: Random, faults: Faults) -> Generator[Opened]:
    with sqlite.data() as path:
        now = [sqlite.SimulatedSqlite(path, setting.log_limit, faults)]

        def reopen() -> OwnedStore:
            now[0].die(rng)
            now[0] = sqlite.SimulatedSqlite(path, setting.log_limit, faults)
            return now[0]

        yield Opened(now[0], reopen)
        now[0].drop()


@contextmanager
def _objects(setting: Setting, rng: Random, faults: Faults) -> Generator[Opened]:
    first = objects.Objects(setting.log_limit)

    def reopen() -> OwnedStore:
        again = objects.Objects(setting.log_limit, first.disks)
        for address in first.disks:
            again.at(address)
        return again

    yield Opened(first, reopen)


def _owned(opened: Callable[[Setting, Random, Faults], AbstractContextManager[Opened]]) -> Maker:
    @contextmanager
    def make(setting: Setting, rng: Random, history: History, faults: Faults) -> Generator[World]:
        with opened(setting, rng, faults) as found:
            yield Cluster(setting, found, rng, history, faults)

    return Maker(make)


@contextmanager
def _dynamo(setting: Setting, rng: Random, history: History, faults: Faults) -> Generator[World]:
    yield Fleet(setting, rng, history, faults)


@contextmanager
def _pool(setting: Setting, rng: Random, history: History, faults: Faults) -> Generator[World]:
    yield Pool(setting, Opened(MemoryStore()), rng, history, faults)


STORES: Final = {
    "dynamo": Maker(_dynamo, 4), "memory": _owned(_memory), "objects": _owned(_objects),
    "pool": Maker(_pool, 4, jobs=False), "sqlite": _owned(_sqlite),
}  # fmt: skip
