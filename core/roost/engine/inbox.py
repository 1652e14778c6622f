"""The inbox: a repeated id gets the stored outcome, never a second run (rule 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..contract.commit import Handled, Outcome
from ..contract.errors import RoostError
from ..contract.refusals import other_arguments
from ..contract.result import stored
from ..contract.trigger import CALLERS
from .release import reply

if TYPE_CHECKING:
    from ..contract.commit import Letter
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting

KEEP_CLIENT: Final = 24 * 3600.0
"""Seconds a caller's key is remembered."""
KEEP_AGENT: Final = 7 * 24 * 3600.0
"""Seconds an envelope's id is remembered: longer than any redelivery goes on."""
KEEP_JOB: Final = 37 * 24 * 3600.0
"""Seconds the id of what a job does is remembered: 7 days longer than any job may take."""


async def replay(cell: Cell, waiting: Waiting, image: Image) -> bool:
    """Answer from the inbox if this id has been handled; whether it was."""
    trigger, letter = waiting.trigger, waiting.letter
    assert trigger.id is not None
    if letter is not None and not letter.keyed:
        return False
    store = cell.runtime.store
    found = await store.outcome(cell.address, trigger.source, trigger.principal, trigger.id)
    if found is None or found.expires <= cell.runtime.host.now():
        return False
    if letter is not None:
        await consume(cell, letter, image)  # delivered twice: this is the copy
    elif found.fingerprint != waiting.fingerprint:
        raise other_arguments(trigger.id)
    await reply(cell, waiting, stored(found, image.version))
    return True


async def consume(cell: Cell, letter: Letter, image: Image) -> None:
    """A letter that asks for nothing any more."""
    commit = image.next_commit(image.at)
    commit.consumed = letter.n
    image.plan(commit, cell.parking.promised())
    try:
        await cell.runtime.store.commit(commit)
    except RoostError:
        cell.forget()  # it may have been consumed
        raise
    finally:
        cell.parking.consumed(letter.n)
    image.apply(commit)


def keyed(waiting: Waiting) -> bool:
    """Whether its id is a caller's, so that its outcome is kept."""
    return waiting.trigger.source in CALLERS and (waiting.letter is None or waiting.letter.keyed)


def handled(waiting: Waiting, at: float, outcome: Outcome, value: bytes) -> Handled:
    """What is kept of a run at `at` (epoch seconds)."""
    trigger = waiting.trigger
    assert trigger.id is not None
    keep = KEEP_CLIENT
    if trigger.source == "agent":
        keep = KEEP_JOB if "/job:" in trigger.id else KEEP_AGENT
    return Handled(trigger.source, trigger.principal, trigger.id, waiting.fingerprint, outcome, value, at + keep)
