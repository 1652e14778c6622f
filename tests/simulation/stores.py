"""The stores a simulation can run on."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from roost.memory import MemoryStore
from roost.resident import OwnedStore
from roost.testing.faults import Faults

from . import objects, sqlite
from .setting import Setting


@dataclass(frozen=True, slots=True)
class Opened:
    """A store for one run. `reopen`: what becomes of it when its host dies; None: it doesn't notice."""

    store: OwnedStore
    reopen: Callable[[], OwnedStore] | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """How to open one, and how many hosts may use it at once."""

    make: Callable[[Setting, Random, Faults], AbstractContextManager[Opened]]
    hosts: int = 1


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


STORES: Final = {"memory": Maker(_memory), "objects": Maker(_objects), "sqlite": Maker(_sqlite)}
