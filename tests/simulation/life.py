"""The reference: what is known of each agent from the commits that the store really took, and from nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.commit import Entry, Letter, Schedule, Snapshot
from roost.contract.trigger import JOB_TELL


@dataclass(slots=True)
class Parked:
    """A letter that waits."""

    op: str
    lane: str
    later: bool
    """It was not to be run at once, or has failed before."""
    trouble: int
    """How many faults there had been when it was parked."""
    guest: bool = False
    """A trigger whose host waits for the answer."""
    wish: bool = False
    """An agent's own, that a job of its end: no run of the author's."""
    known: int = 0
    """The how manieth that a host knew to be durable; 0 = none knows yet."""


@dataclass(slots=True)
class Life:
    """One agent, from its birth to its destruction."""

    address: Address
    generation: int = 1
    version: int = 0
    at: float = 0.0
    n: int = 0
    token: str = ""
    state_version: int = 0
    exists: bool = False
    applied: dict[str, str] = field(default_factory=dict[str, str])
    """op -> the token of the run that took effect, in this generation."""
    letters: dict[int, Parked] = field(default_factory=dict[int, Parked])
    ticket: int = 0
    tickets: set[int] = field(default_factory=set[int])
    """All numbers that letters ever had, where hosts share the counter."""
    dead: Counter[str] = field(default_factory=Counter[str])
    schedules: dict[str, Schedule] = field(default_factory=dict[str, Schedule])
    said: dict[str, int] = field(default_factory=dict[str, int])
    crowded: bool = False
    """More letters waited than a snapshot holds: a host may know nothing of those that this one shows."""
    log_token: str = ""
    others: int = 0
    """Entries of its log that no run of the author's has written."""
    trouble: int = 0
    """How many faults there had been at its last commit."""
    parking: int = 0
    """Letters that are being parked right now, in the eyes of a host."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the store shows of an agent right after a write."""

    snapshot: Snapshot
    n: int
    """The KV pair `n`; 0 = none."""
    log: tuple[Entry, ...]
    """The last few entries."""
    letters: tuple[Letter, ...]
    """All that wait, those too that a snapshot leaves out."""


def op_of(args: bytes) -> str:
    """The op in stored arguments; they are (op, ...). A guest that is no call has none."""
    if not args:
        return ""
    given: dict[str, list[Any]] = from_json(args)
    return str(given["args"][0])


def parked(letter: Letter, trouble: int) -> Parked:
    return Parked(
        op_of(letter.args), letter.lane, letter.next > 0 or letter.attempts > 0, trouble, letter.forwarded is not None,
        letter.action == JOB_TELL,
    )  # fmt: skip
