"""The life cycle: which status follows which. This file owns the table.

    asleep       nothing in memory; a row in the store, or not even that
    waking       the snapshot is being loaded
    awake        in memory; ticks run
    draining     being put to sleep: the running tick ends, nothing new starts
    quarantined  the stored state does not validate: ticks are refused, tells parked, schedules disarmed
                 (an hourly look sees whether newer code reads the state); status, export, migrate and reset work
    destroyed    a tombstone {generation + 1}; the next call starts a fresh agent

Who moves it: `waking.load` to waking, and on to awake or back to asleep; `quarantine.quarantine`; `Cell.forget` and
`Runtime.sweep` to asleep; `admin` to destroyed, and out of quarantine.

Moves happen only between ticks. There is no move out of `destroyed` but `waking`: a fresh call loads the
tombstone and starts the next generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Status: TypeAlias = Literal["asleep", "waking", "awake", "draining", "quarantined", "destroyed"]

MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    "asleep": frozenset({"waking"}),
    "waking": frozenset({"awake", "quarantined", "asleep"}),
    "awake": frozenset({"draining", "destroyed", "asleep", "quarantined"}),
    "draining": frozenset({"asleep", "awake"}),
    "quarantined": frozenset({"awake", "asleep", "destroyed", "draining"}),
    "destroyed": frozenset({"waking", "asleep"}),
}


def move(now: Status, to: Status) -> Status:
    """`to`, if the table allows it; a wrong move is a defect of Roost, not of the caller."""
    if to not in MOVES[now]:
        raise AssertionError(f"no move from {now} to {to}")
    return to
