"""The inbox: a repeated id gets the stored outcome, never a second run (rule 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..contract.address import Address
from ..contract.commit import Handled, Letter, Outcome
from ..contract.errors import LimitExceeded, Rejected, RoostError
from ..contract.result import stored
from ..contract.room import Room
from ..contract.trigger import CALLERS
from .release import reply

if TYPE_CHECKING:
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting

KEEP_CLIENT: Final = 24 * 3600.0
"""Seconds a caller's key is remembered."""
KEEP_AGENT: Final = 7 * 24 * 3600.0
"""Seconds an envelope's id is remembered: longer than any redelivery goes on."""


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
    if letter is not None:  # delivered twice: consume the copy
        commit = image.next_commit(image.at)
        commit.consumed = letter.n
        image.plan(commit, cell.parking.promised())
        try:
            await store.commit(commit)
        except RoostError:
            cell.forget()  # it may have been consumed
            raise
        finally:
            cell.parking.consumed(letter.n)
        image.apply(commit)
    elif found.fingerprint != waiting.fingerprint:
        raise other_arguments(trigger.id)
    await reply(cell, waiting, stored(found, image.version))
    return True


def keyed(waiting: Waiting) -> bool:
    """Whether its id is a caller's, so that its outcome is kept."""
    return waiting.trigger.source in CALLERS and (waiting.letter is None or waiting.letter.keyed)


def handled(waiting: Waiting, at: float, outcome: Outcome, value: bytes) -> Handled:
    """What is kept of a run at `at` (epoch seconds)."""
    trigger = waiting.trigger
    assert trigger.id is not None
    keep = KEEP_AGENT if trigger.source == "agent" else KEEP_CLIENT
    return Handled(trigger.source, trigger.principal, trigger.id, waiting.fingerprint, outcome, value, at + keep)


def other_arguments(id: str) -> Rejected:
    """The refusal of a key that was used for something else."""
    return Rejected(
        f"the idempotency key {id!r} was used with another action or other arguments; use a new key",
        code="key-reused", status=422,
    )  # fmt: skip


def room(letter: Letter, limit: int, *, named: bool = False) -> int:
    """How many letters may wait for this one to be taken, so that none kind keeps all others out.

    What waits for its time may fill half of a mailbox, what clients tell now nine tenths, their urgent tells nineteen
    twentieths; the rest is for agents, whose tells are committed and would be tried for ever. `named`: an auth hook
    tells clients apart, and one of them has half of that.
    """
    if letter.source != "client":
        return limit
    most = -(-limit // 2) if letter.next else limit - limit // (20 if letter.lane == "urgent" else 10)
    return Room.of(most, -(-most // 2)) if named else most


def crowded(address: Address, letter: Letter, limit: int) -> LimitExceeded:
    """The refusal of a letter that the rest of the mailbox is not for."""
    what = "tells with a delay" if letter.next else f"{letter.lane} tells of clients"
    return LimitExceeded(
        f"{address} has {room(letter, limit)} triggers waiting or more, which is all that {what} may fill of the "
        f"{limit} that its mailbox holds",
        limit="mailbox", retry_after=1.0,
    )  # fmt: skip


def full(address: Address, waiting: int) -> LimitExceeded:
    """The refusal of one trigger too many."""
    return LimitExceeded(
        f"{address} has {waiting} triggers waiting, which is the limit", limit="mailbox", retry_after=1.0
    )
