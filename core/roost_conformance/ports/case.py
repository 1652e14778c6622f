"""The registry of port cases: name, the rule it proves, and the coroutine that drives a store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from roost.ports import Store

Drive: TypeAlias = Callable[[Store], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PortCase:
    """One promise of a port. `rule` is a number of docs/contract.md, or "records"."""

    name: str
    rule: str
    title: str
    drive: Drive


PORT_CASES: Final[dict[str, PortCase]] = {}


JOURNAL_CASES: Final[dict[str, PortCase]] = {}
"""Of a store's `journal`, where there is one."""


def port_case(rule: str, title: str) -> Callable[[Drive], Drive]:
    """Register `async def store_name(store)`: it makes agents of a kind of its own and leaves them behind."""

    def register(drive: Drive) -> Drive:
        name = drive.__name__.replace("_", "-")
        if name in PORT_CASES:
            raise ValueError(f"two port cases are called {name}")
        PORT_CASES[name] = PortCase(name, rule, title, drive)
        return drive

    return register


def journal_case(title: str) -> Callable[[Drive], Drive]:
    """Register `async def journal_name(store)`, like `port_case`."""

    def register(drive: Drive) -> Drive:
        name = drive.__name__.replace("_", "-")
        if name in JOURNAL_CASES:
            raise ValueError(f"two journal cases are called {name}")
        JOURNAL_CASES[name] = PortCase(name, "records", title, drive)
        return drive

    return register
