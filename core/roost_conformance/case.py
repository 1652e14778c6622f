"""The registry of conformance cases: name, the rule it proves, and the function that drives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .stage import Stage

Drive = Callable[["Stage"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One promise. `rule` is a number of docs/contract.md ("2", "14") or a surface ("http", "ws", "cli")."""

    name: str
    rule: str
    title: str
    drive: Drive
    crashes: bool = False
    """It kills the host, so nothing else may run beside it."""
    alone: bool = False
    """It keeps a platform so busy that others beside it would wait too long."""
    together: str = ""
    """It may die with the others that say this: each of them comes to its crash, then there is one for all."""


CASES: Final[dict[str, Case]] = {}


def case(
    rule: str, title: str, *, crashes: bool = False, alone: bool = False, together: str = ""
) -> Callable[[Drive], Drive]:
    """Register `async def name(stage)`: bare asserts, a fresh agent each, no skip. A missing capability runs the
    negative case inside the same function: refused with NotSupported. `together` implies `crashes`."""

    def register(drive: Drive) -> Drive:
        name = drive.__name__.replace("_", "-")
        if name in CASES:
            raise ValueError(f"two conformance cases are called {name}")
        CASES[name] = Case(name, rule, title, drive, crashes or bool(together), alone, together)
        return drive

    return register


def catalogue() -> list[Case]:
    """All cases in the order of their files."""
    from . import cases

    cases.load()
    return list(CASES.values())
