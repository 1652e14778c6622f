"""A system under test: how it is started, and how each piece of work is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

NAMES = 64
"""Keys over which the load is spread."""


@dataclass(frozen=True, slots=True)
class Load:
    """Templates of the load generator: an HTTP request, or a handshake and messages."""

    request: str
    message: str = ""
    match: str = ""
    refusal: str = ""


class Absent(str):
    """Why a system has no such feature, or why it is not measured."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Up:
    """A running system. `side`: the port that tells about schedules, where that is another process."""

    port: int
    side: int = 0

    @property
    def told(self) -> int:
        return self.side or self.port


Start = Callable[[Path], AbstractContextManager[Up]]
"""Starts a system in an empty folder and ends it."""


@dataclass(frozen=True, slots=True)
class Schedules:
    """How many are armed, how, and where the program says how late each one ran."""

    arm: Callable[[float], Load]
    """The load that arms one for a time in ms since the epoch; `%d` in its path is the agent."""
    late: tuple[str, str]
    """(method, path) that is answered with the list of latenesses, in ms."""
    count: int = 10_000
    why: str = ""
    """Why fewer."""
    each: int = 1
    """Armed by one request, each on an object of its own."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Seconds of idleness after which an object has left memory; a path that counts objects made, if there is one."""

    idle: float
    made: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """One column of the table."""

    name: str
    start: Start
    http: Load
    ws: Load | Absent
    fan: Load | Absent
    wake: Wake | Absent
    ask: Load | Absent
    schedules: Schedules | Absent
    longer: float = 1.0
    """By how much its rates are measured longer: some answer a few times a second."""
    sockets: int = NAMES
    """WebSockets over which its messages are spread."""
    crowd: str = ""
    """Why many callers at once are not measured, where they are not."""
