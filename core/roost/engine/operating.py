"""What operators and readers ask of an agent, and do to it, beside its triggers: nobody is woken by a look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..contract.address import Address
from ..contract.caller import caller_of, source_of
from ..contract.commit import Entry, Frame, Listed, Page, Snapshot
from ..contract.errors import NotFound, Rejected, TransientError
from ..protocol import frames
from ..system.names import MARK
from .inspection import dead_page, describe
from .shared import Shared
from .viewing import view_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..author.app import App
    from .cell import Cell

    Pages = Callable[[str | None, str, str | None, int], Awaitable[Page]]


async def listed(app: App, pages: Pages, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
    """A page of the agents of an app, without Roost's own. `pages`: what lists all, as `Store.list` does."""
    if kind is not None:
        app.kind(kind)
        return await pages(kind, prefix, cursor, limit)
    rows: list[Listed] = []
    while True:
        page = await pages(None, prefix, cursor, limit - len(rows))
        rows += [row for row in page.rows if not row.address.kind.startswith(MARK)]
        cursor = page.cursor
        if cursor is None or len(rows) >= limit or not any(row.address.kind.startswith(MARK) for row in page.rows):
            return Page(tuple(rows), cursor)


class Operating(Shared):
    """The part of a runtime that operators use."""

    cells: dict[Address, Cell]

    if TYPE_CHECKING:  # the runtime's own

        def cell(self, address: Address) -> Cell: ...
        async def hibernate(self, address: Address) -> bool: ...

    async def existing(self, address: Address) -> Snapshot:
        """The agent as stored; NotFound if there is none."""
        found = await self.snapshot(address)
        if not found.exists:
            raise NotFound(f"there is no agent {address}", code="no-agent")
        return found

    async def view(self, address: Address) -> tuple[bytes, int]:
        """(view of the committed state as JSON, version)."""
        found = await self.existing(address)
        return view_of(self, self.kind(address.kind), found), found.version

    async def status(self, address: Address) -> dict[str, Any]:
        """Status, metrics, version and next wake; waking nobody."""
        found = await self.existing(address)
        size = await self.store.size(address)
        subscribers = len(self.subscribers.get(address, ()))
        told = describe(found, self.kind(address.kind), self.cells.get(address), subscribers, size)
        if found.jobs:
            told["jobs"] = len(found.jobs)
            # one that is carried out waits for nothing
            times = [x.due for x in await self.store.journal.jobs(address) if x.due and not (x.held or x.owner)]
            told["next_wake"] = min([*times, *(() if found.due is None else (found.due,))], default=None)
        return told

    async def page(self, kind: str | None, prefix: str, cursor: str | None, limit: int) -> Page:
        """The agents of the app; Roost's own are not shown."""
        return await listed(self.app, self.store.list, kind, prefix, cursor, limit)

    async def events(
        self, address: Address, after: int, kinds: frozenset[str], limit: int
    ) -> tuple[Sequence[Entry], int]:
        self.kind(address.kind)
        entries, first = await self.store.log(address, after, kinds, limit)
        from .export import legibly  # with the first who looks

        return [legibly(entry) for entry in entries], first

    async def dead_letters(self, address: Address, limit: int = 1000) -> list[dict[str, Any]]:
        found = await dead_page(self.store, address, limit)
        if not found:  # letters can die before their agent came to be
            await self.existing(address)
        from .export import dead_letter

        return [dead_letter(d) for d in found]

    async def redrive(self, address: Address, id: str | None) -> int:
        """Dead letters back into the mailbox, ids kept; how many."""
        self.kind(address.kind)
        try:
            count = await self.store.redrive(address, id)
            if count:
                await self.store.arm(address, self.host.now())  # should this host die before they run
        except TransientError:
            self.cell(address).doubt()  # they may wait there after all
            raise
        if count:
            await self.hibernate(address)
            self.cell(address).alarm()
            return count
        await self.existing(address)
        if id is not None:
            raise NotFound(f"{address} has no dead letter {id!r}", code="no-dead-letter")
        return 0

    async def disconnect(self, address: Address, principal: str) -> int:
        """Close the WebSockets of one of an agent's clients, with 4403; how many there were."""
        found = await self.snapshot(address)
        rows = [row for row in found.connections if row.principal == principal]
        cids = tuple(r.cid for r in rows if source_of(caller_of(r.principal, r.claims)) == "client")
        if cids:
            error = Rejected("the operator has closed this connection", code="closed", status=403)
            await self.wire.send(address, [Frame(cids, frames.refusal(error))], 0)
            for cid in cids:
                await self.wire.close(address, cid, frames.close_code(error), error.code)
        return len(cids)

    async def letters(self, address: Address, after: int, limit: int) -> list[dict[str, Any]]:
        """What waits in the mailbox, in the order of arrival; calls that other hosts wait for are not told here."""
        found = await self.store.parked(address, after, limit)
        if not found:
            await self.existing(address)
        from .export import waiting_letter

        return [{**waiting_letter(x), "n": x.n, "next": x.next or None} for x in found if x.forwarded is None]

    async def purge_dead(self, address: Address, id: str | None) -> int:
        """Dead letters gone for good: all, or the one; how many."""
        self.kind(address.kind)
        count = await self.store.purge(address, id)
        if count:
            await self.hibernate(address)
            return count
        await self.existing(address)
        if id is not None:
            raise NotFound(f"{address} has no dead letter {id!r}", code="no-dead-letter")
        return 0
