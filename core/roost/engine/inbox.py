"""The inbox: a repeated id gets the stored outcome, never a second run (rule 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.address import Address
from ..contract.commit import Commit
from ..contract.errors import LimitExceeded, Rejected, RoostError
from ..contract.result import stored
from .release import reply

if TYPE_CHECKING:
    from ..tick.image import Image
    from .cell import Cell
    from .mailbox import Waiting


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
        commit = Commit(cell.address, image.generation, image.version, image.version + 1, image.at, image.fence)
        commit.sgen, commit.seq, commit.released = image.sgen, image.seq, image.version
        commit.consumed = letter.n
        image.plan(commit, cell.promised.values())
        try:
            await store.commit(commit)
        except RoostError:
            cell.forget()  # it may have been consumed
            raise
        finally:
            cell.consumed(letter.n)
        image.apply(commit)
    elif found.fingerprint != waiting.fingerprint:
        raise other_arguments(trigger.id)
    await reply(cell, waiting, stored(found, image.version))
    return True


def other_arguments(id: str) -> Rejected:
    """The refusal of a key that was used for something else."""
    return Rejected(
        f"the idempotency key {id!r} was used with another action or other arguments; use a new key",
        code="key-reused", status=422,
    )  # fmt: skip


def full(address: Address, waiting: int) -> LimitExceeded:
    """The refusal of one trigger too many."""
    return LimitExceeded(
        f"{address} has {waiting} triggers waiting, which is the limit", limit="mailbox", retry_after=1.0
    )
