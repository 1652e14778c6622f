"""The registry of harmless attacks: name, the line of docs/security.md it tries, and the function that drives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .target import Target

Drive = Callable[["Target"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One promise of the table in docs/security.md. `line`: its number there."""

    name: str
    line: str
    title: str
    drive: Drive


FILES: Final = ("paths", "headers", "pages", "operators", "bodies", "answers", "handshakes")
ATTACKS: Final[dict[str, Attack]] = {}


def attack(line: str, title: str) -> Callable[[Drive], Drive]:
    """Register `async def name(target)`: bare asserts. It must change nothing, and fill nothing, when it fails to."""

    def register(drive: Drive) -> Drive:
        name = drive.__name__.replace("_", "-")
        if name in ATTACKS:
            raise ValueError(f"two attacks are called {name}")
        ATTACKS[name] = Attack(name, line, title, drive)
        return drive

    return register


def catalogue() -> list[Attack]:
    """All attacks in the order of their files."""
    for name in FILES:
        import_module(f"{__package__}.{name}")
    return list(ATTACKS.values())
