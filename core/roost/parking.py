"""When a letter may be parked: the two refusals, the same in every store."""

from __future__ import annotations

from .address import Address
from .commit import Letter
from .errors import LimitExceeded, Rejected
from .wake import fingerprint


def joined(first: Letter, again: Letter) -> Letter:
    """`first`, which waits under the id of `again`; Rejected if that asks for something else."""
    if first.action == again.action and first.args == again.args:
        return first
    if fingerprint(first.action, first.args) == fingerprint(again.action, again.args):
        return first
    raise Rejected(
        f"the idempotency key {again.id!r} was used with another action or other arguments; use a new key",
        code="key-reused",
        status=422,
    )


def full(address: Address, waiting: int) -> LimitExceeded:
    """The mailbox holds as many letters as it may."""
    return LimitExceeded(
        f"{address} has {waiting} triggers waiting, which is the limit", limit="mailbox", retry_after=1.0
    )
