"""An agent as its operator sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..contract.errors import RoostError, TransientError
from ..contract.legible import legible
from ..contract.pages import Pages
from .due import load_state

if TYPE_CHECKING:
    from ..author.kind import Kind
    from ..contract.address import Address
    from ..contract.commit import DeadLetter, Snapshot
    from ..ports import Store
    from .cell import Cell


def describe(found: Snapshot, kind: Kind, cell: Cell | None, subscribers: int, size: int) -> dict[str, Any]:
    """Status, metrics, version and next wake. `size`: bytes stored."""
    address = found.address
    status = cell.status if cell is not None else "asleep"
    if status != "quarantined":
        try:
            load_state(kind, found.state, found.state_version)
        except TransientError:
            pass  # stored by a newer deploy: no damage (rule 12)
        except RoostError:
            status = "quarantined"
    return {
        "kind": address.kind, "key": address.key, "status": status, "version": found.version,
        "generation": found.generation, "updated": found.at, "next_wake": found.due, "events": found.seq,
        "schedules": [
            {"key": s.key, "due": s.due, "spec": legible(s.spec), "target": s.target, "attempts": s.attempts}
            for s in sorted(found.schedules, key=lambda s: (s.due, s.key))
        ],
        "connections": len(found.connections),
        "subscribers": subscribers,
        "mailbox": max(found.waiting, len(cell.mailbox) if cell is not None else 0),
        "dead_letters": found.dead, "outbox": len(found.outbox), "stored_bytes": size,
        "metrics": cell.metrics.dump() if cell is not None else None,
    }  # fmt: skip


LETTERS: Final = 1 << 20
"""Bytes of dead letters in one answer, about."""


async def dead_page(store: Store, address: Address, limit: int) -> list[DeadLetter]:
    """Dead letters, oldest first: as many as fit into an answer, at least one."""
    pages, size = Pages(), 0
    found: list[DeadLetter] = []
    while len(found) < limit and size < LETTERS:
        wanted = min(pages.size, limit - len(found))
        page = await store.dead(address, found[-1].n if found else 0, wanted)
        weight = sum(len(dead.letter.args) + len(dead.error) for dead in page)
        found += page
        size += weight
        if len(page) < wanted:
            break
        pages.took(len(page), weight)
    return found
