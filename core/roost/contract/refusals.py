"""What a store refuses, and in which words: the same in every store."""

from __future__ import annotations

from .address import Address
from .commit import Commit, Letter
from .errors import Conflict, Fenced, LimitExceeded, NotSupported, Rejected
from .fingerprint import fingerprint


def check(commit: Commit, generation: int, version: int, fence: int, exists: bool) -> None:
    """Fenced or Conflict if `commit` was not made from what is stored; an agent never made is (1, 0, 0, False).

    A store looks into its inbox first: whoever lost the race for an id also lost that for the version.
    """
    if commit.fence < fence:
        raise Fenced(f"{commit.address}: fence {commit.fence} is over, another host holds {fence}")
    if commit.generation != generation:
        raise Conflict(f"{commit.address}: generation {commit.generation} is over, this is {generation}")
    if commit.base != version:
        raise Conflict(f"{commit.address}: made from version {commit.base}, the store has {version}")
    if commit.restored and exists:
        raise Conflict(f"{commit.address} exists; nothing can be imported over it")


def arrived(address: Address, waiting: int, known: int) -> Rejected:
    """Other letters wait than whoever would destroy the agent has seen."""
    return changed(address, f"{waiting} letters wait in its mailbox, not {known}")


def moved_on(address: Address) -> Rejected:
    """Its jobs are not those that whoever would destroy the agent has seen, or one of them went on."""
    return changed(address, "its jobs are others, or went on, or were told something")


def changed(address: Address, how: str) -> Rejected:
    """The agent is not as whoever would destroy it has seen it; nothing was done."""
    return Rejected(
        f"{address} has changed: {how}; nothing was destroyed, look at it, or export it, again",
        code="changed", status=409,
    )  # fmt: skip


def joined(first: Letter, again: Letter) -> Letter:
    """`first`, which waits under the id of `again`; Rejected if that asks for something else."""
    if first.action == again.action and first.args == again.args:
        return first
    try:
        if fingerprint(first.action, first.args) == fingerprint(again.action, again.args):
            return first
    except (ValueError, TypeError, KeyError):
        pass  # what can't be read asks for nothing else that could be compared
    raise other_arguments(again.id)


def other_arguments(id: str) -> Rejected:
    """A key that was used for something else."""
    return Rejected(
        f"the idempotency key {id!r} was used with another action or other arguments; use a new key",
        code="key-reused",
        status=422,
    )


def no_jobs(where: str) -> NotSupported:
    """Of a store that has none."""
    return NotSupported(f"jobs are not there yet on {where}", code="no-jobs")


def full(address: Address, waiting: int) -> LimitExceeded:
    """The mailbox holds as many letters as it may."""
    return LimitExceeded(
        f"{address} has {waiting} triggers waiting, which is the limit", limit="mailbox", retry_after=1.0
    )
