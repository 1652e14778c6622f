"""What became of a commit whose answer was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contract.commit import Commit

if TYPE_CHECKING:
    from ..ports import Store


async def happened(store: Store, commit: Commit) -> bool:
    """Whether a commit whose answer was lost is in the store after all (rule 3)."""
    handled = commit.handled
    if handled is not None:
        found = await store.outcome(commit.address, handled.source, handled.principal, handled.id)
        if found is not None and found.expires == handled.expires:
            return True
    snapshot = await store.load(commit.address)
    return getattr(snapshot, "version", -1) == commit.version and getattr(snapshot, "at", None) == commit.at
