"""Reads: the snapshot in as few round trips as can be, and everything that is asked for by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from roost.contract.address import Address
from roost.contract.commit import (
    LETTERS,
    DeadLetter,
    Entry,
    Envelope,
    Handled,
    Letter,
    Listed,
    Page,
    Row,
    Schedule,
    Snapshot,
)
from roost.contract.errors import TransientError
from roost.contract.listing import PAGE, cursor, position
from roost.contract.trigger import Source

from . import keys, rows
from .client import Item
from .head import Head, head
from .memory import Memory
from .schema import KINDS
from .table import Table

if TYPE_CHECKING:
    from roost.contract.job import LiveJob

TRIES: Final = 4
"""Reads of an agent that is being written before its reader takes to transactions, and of those before it gives up."""


class Reads:
    """`ring`: entries an agent's log keeps."""

    def __init__(self, table: Table, memory: Memory, ring: int) -> None:
        self.table = table
        self.memory = memory
        self.ring = ring

    async def head(self, address: Address) -> Head:
        """The head as stored now."""
        found = head(await self.table.get(keys.partition(address), keys.HEAD))
        self.memory.of(address).head = found
        return found

    async def epoch(self, address: Address) -> str:
        """The epoch, as of the last time the head was read."""
        known = self.memory.of(address).head
        return (known or await self.head(address)).epoch

    # The snapshot ------------------------------------------------------------------------------------

    async def glance(self, address: Address) -> Snapshot:
        """The agent as committed, without a lease: one round trip while it is small or known."""
        found = await self.head(address)
        for _ in range(TRIES):
            whole = found.letters or found.sending or self._unknown(address, found)
            try:
                snapshot = await self.snapshot(address, found, None)
            except Moved:
                found = await self.head(address)
                continue
            if not whole:
                return snapshot
            again = await self.head(address)  # what was read one by one belongs together only if nothing moved
            if again.version == found.version and again.epoch == found.epoch:
                return snapshot
            found = again
        return await self.snapshot(address, await self._together(address, found), None)

    async def _together(self, address: Address, found: Head) -> Head:
        """Head and state in one transaction, of an agent that is written faster than it is read twice."""
        known = self.memory.of(address)
        for _ in range(TRIES):
            names = [keys.HEAD, *(keys.state(found.epoch, i) for i in range(found.pieces))]
            first, *pieces = await self.table.together(keys.partition(address), names)
            found = known.head = head(first)
            whole = [x for x in pieces if x is not None and self._is(x, found)]
            if len(whole) == found.pieces:
                if whole:
                    known.state, known.stated = b"".join(rows.data(x, "d") for x in whole), found.stated
                return found
        raise TransientError(f"{address} changes faster than it can be read", code="store-busy")

    def _unknown(self, address: Address, found: Head) -> bool:
        known = self.memory.of(address)
        return (
            found.scheduled not in (None, known.scheduled)
            or found.peered not in (None, known.peered)
            or found.jobbed not in (None, known.jobbed)
        )

    async def snapshot(self, address: Address, found: Head, spare: Item | None) -> Snapshot:
        """`found` with all that is not in it. `spare`: the first piece of the state, if it was read already."""
        state, schedules, peers, envelopes, (letters, waiting), jobs = await asyncio.gather(
            self._state(address, found, spare),
            self._schedules(address, found),
            self._peers(address, found),
            self._envelopes(address, found),
            self._letters(address, found),
            self.jobs(address, found),
        )
        return Snapshot(
            address, found.schema, found.generation, found.fence, found.version, found.at, found.seq, found.sgen,
            found.due, found.armed, found.released, state, found.state_version,
            tuple(sorted(schedules.values(), key=lambda x: x.key.encode())),
            tuple(sorted(peers.values(), key=lambda x: (x.opened, x.cid))),
            envelopes, letters, waiting, found.dead, tuple(jobs.values()),
        )  # fmt: skip

    async def _state(self, address: Address, found: Head, spare: Item | None) -> bytes | None:
        if not found.pieces:
            return found.state
        known = self.memory.of(address)
        if known.stated == found.stated and known.state is not None:
            return known.state
        pk = keys.partition(address)
        first = keys.state(found.epoch, 0)
        if found.pieces == 1 and spare is not None and spare["sk"]["S"] == first and self._is(spare, found):
            pieces = [spare]
        else:
            pieces = await self.table.range(pk, first, keys.state(found.epoch, found.pieces - 1))
        if len(pieces) != found.pieces or not all(self._is(x, found) for x in pieces):
            raise Moved
        known.state = b"".join(rows.data(x, "d") for x in pieces)
        known.stated = found.stated
        return known.state

    @staticmethod
    def _is(piece: Item, found: Head) -> bool:
        return rows.whole(piece, "v") == found.stated

    async def _schedules(self, address: Address, found: Head) -> dict[str, Schedule]:
        if found.scheduled is None:
            return {}
        known = self.memory.of(address)
        if known.scheduled != found.scheduled:
            items = await self.table.range(keys.partition(address), *keys.whole(keys.schedule(found.epoch, "")))
            known.schedules = {x.key: x for x in map(rows.schedule, items)}
            known.scheduled = found.scheduled
        return known.schedules

    async def _peers(self, address: Address, found: Head) -> dict[str, Row]:
        if found.peered is None:
            return {}
        known = self.memory.of(address)
        if known.peered != found.peered:
            items = await self.table.range(keys.partition(address), *keys.whole(keys.peer(found.epoch, "")))
            known.peers = {x.cid: x for x in map(rows.peer, items)}
            known.peered = found.peered
        return known.peers

    async def jobs(self, address: Address, found: Head) -> dict[str, LiveJob]:
        """The live ones: of their rows what never changes."""
        if found.jobbed is None:
            return {}
        known = self.memory.of(address)
        if known.jobbed != found.jobbed:
            from .job_items import JOB

            items = await self.table.range(keys.partition(address), *keys.whole(f"J#{found.epoch}#"))
            known.jobs = {x.live.uid: x.live for x in map(JOB.read, items)}
            known.jobbed = found.jobbed
        return known.jobs

    async def _envelopes(self, address: Address, found: Head) -> tuple[Envelope, ...]:
        known = self.memory.of(address)
        if not found.sending:
            known.sent = {}
            return ()
        items = await self.table.range(keys.partition(address), *keys.whole("O#"))
        out = tuple(rows.envelope(x) for x in items)
        known.sent = {x.id: item["sk"]["S"] for x, item in zip(out, items, strict=True)}
        return out

    async def _letters(self, address: Address, found: Head) -> tuple[tuple[Letter, ...], int]:
        if not found.letters:
            return (), 0
        pk = keys.partition(address)
        letters, after = await self._page(pk, found, 0, LETTERS)
        waiting = len(letters)
        if after is not None:
            waiting += await self.waiting(pk, found, after)
        return tuple(letters), waiting

    async def waiting(self, pk: str, found: Head, after: str | None, **where: str | None) -> int:
        """How many letters wait beyond a place in the mailbox. `where`: attribute = text; None: it has none."""
        low, high = keys.whole("M#")
        count = await self.table.count(pk, low, high, after, e=found.life, **where)
        if found.imported:
            count += await self.table.count(pk, low, high, after, e=found.epoch, **where)
        return count

    async def _page(self, pk: str, found: Head, start: int, limit: int) -> tuple[list[Letter], str | None]:
        """The oldest letters beyond number `start`, and where the rest begins."""
        out: list[Letter] = []
        low, high = keys.letter(start + 1), "M#" + keys.LAST
        after: str | None = None
        while True:
            items, after = await self.table.query(pk, low, high, limit=limit - len(out), after=after)
            out += [rows.letter(x) for x in items if found.owns(x)]
            if after is None or len(out) >= limit:
                return out, after

    # One by one --------------------------------------------------------------------------------------

    async def get(self, address: Address, names: Sequence[str]) -> Mapping[str, bytes]:
        pk, epoch = keys.partition(address), await self.epoch(address)
        if len(names) == 1:
            item = await self.table.get(pk, keys.value(epoch, names[0]))
            return {} if item is None else {names[0]: rows.data(item, "d")}
        items = await self.table.gather(pk, [keys.value(epoch, x) for x in dict.fromkeys(names)])
        start = len(keys.value(epoch, ""))
        return {x["sk"]["S"][start:]: rows.data(x, "d") for x in items}

    async def scan(
        self, address: Address, prefix: str, after: str, limit: int, reverse: bool = False
    ) -> Sequence[tuple[str, bytes]]:
        pk, epoch = keys.partition(address), await self.epoch(address)
        start = len(keys.value(epoch, ""))
        low, high = keys.whole(keys.value(epoch, prefix))
        begin: str | None = None
        if after.startswith(prefix) and after:
            begin = keys.value(epoch, after)
        elif after and (after.encode() < prefix.encode()) == reverse:
            return []  # beyond all that start with it
        out: list[tuple[str, bytes]] = []
        while True:
            items, begin = await self.table.query(pk, low, high, limit=limit - len(out), after=begin, reverse=reverse)
            out += [(x["sk"]["S"][start:], rows.data(x, "d")) for x in items if x["sk"]["S"] != high]
            if begin is None or len(out) >= limit:
                return out

    async def outcome(self, address: Address, source: Source, principal: str, id: str) -> Handled | None:
        sk = keys.inbox(await self.epoch(address), source, principal, id)
        early = self.memory.early.pop(address, None)
        if early is not None and early[0] == sk and address in self.memory.held:
            return rows.handled(early[1])
        return rows.handled(await self.table.get(keys.partition(address), sk))

    async def handled(self, address: Address, prefix: str) -> Sequence[Handled]:
        pk, epoch, own = keys.partition(address), await self.epoch(address), str(address)
        items = await self.table.range(pk, *keys.whole(f"I#{epoch}#agent#{len(own)}#{own}#{prefix}"))
        items += await self.table.range(pk, *keys.whole(f"I#{epoch}~"))  # long ids are hashed
        found = [one for one in map(rows.handled, items) if one is not None]
        return [x for x in found if x.id.startswith(prefix) and (x.source, x.principal) == ("agent", own)]

    async def parked(self, address: Address, after: int, limit: int) -> Sequence[Letter]:
        known = self.memory.of(address).head or await self.head(address)
        return (await self._page(keys.partition(address), known, after, limit))[0]

    async def log(self, address: Address, after: int, kinds: frozenset[str], limit: int) -> tuple[Sequence[Entry], int]:
        found = await self.head(address)
        if found.first is None:
            return [], found.seq + 1
        first = max(found.first, found.seq - self.ring + 1)
        out: list[Entry] = []
        seq = max(after + 1, first)
        while seq <= found.seq and len(out) < limit:
            last = min(found.seq, seq - seq % self.ring + self.ring - 1)  # up to where the ring closes
            gone = await self._slots(address, found, seq, last, kinds, limit, out)
            if gone >= first:  # commits since the head was read: what is older than a lost entry is gone too
                first = gone + 1
                out = [x for x in out if x.seq > gone]
            seq = max(last, gone) + 1
        return out[:limit], first

    async def _slots(
        self, address: Address, found: Head, seq: int, last: int, kinds: frozenset[str], limit: int, out: list[Entry]
    ) -> int:
        """Read the entries from `seq` to `last`; the last one whose slot has a newer entry already, 0 = none."""
        low, high = keys.slot(found.epoch, seq, self.ring), keys.slot(found.epoch, last, self.ring)
        after: str | None = None
        gone = 0
        while True:
            items, after = await self.table.query(keys.partition(address), low, high, after=after)
            entries = list(map(rows.entry, items))
            gone = max([gone, *(x.seq - self.ring for x in entries if x.seq > last)])
            out += [x for x in entries if seq <= x.seq <= last and (not kinds or x.kind in kinds)]
            if after is None or len(out) >= limit:
                return gone

    async def dead(self, address: Address, after: int, limit: int) -> Sequence[DeadLetter]:
        pk = keys.partition(address)
        # Whoever does not hold the agent may not know yet that it was destroyed or imported.
        epoch = await self.epoch(address) if address in self.memory.held else (await self.head(address)).epoch
        low, high = keys.grave(epoch, after + 1), keys.whole(f"D#{epoch}#")[1]
        out: list[DeadLetter] = []
        begin: str | None = None
        while True:
            items, begin = await self.table.query(pk, low, high, limit=limit - len(out), after=begin)
            out += [rows.dead(x) for x in items]
            if begin is None or len(out) >= limit:
                return out

    async def size(self, address: Address) -> int:
        """Bytes of all its rows, read one by one: for the operator's eyes."""
        found = await self.head(address)
        total = found.size
        pk = keys.partition(address)
        for item in await self.table.range(pk, "A", keys.LAST):
            kind, _, rest = item["sk"]["S"].partition("#")
            if kind in ("L", "N") or (
                kind in "SKTPIEDJGHYWUZX" and rest.partition("#")[0].partition("~")[0] != found.epoch
            ):
                continue
            if kind == "S" and int(rest.rpartition("#")[2]) >= found.pieces:
                continue
            total += sum(len(v.get("B", v.get("S", ""))) for v in item.values()) - len(pk)
        return total

    # Listings ----------------------------------------------------------------------------------------

    async def page(self, kind: str | None, prefix: str, start: str | None, limit: int) -> Page:
        last = None if start is None else position(start)
        limit = max(1, min(limit, PAGE))
        kinds = [kind] if kind is not None else await self._kinds()
        found: list[Address] = []
        lines: list[Listed] = []
        for one in kinds:
            if last is not None and one < last.kind:
                continue
            after = last.key if last is not None and last.kind == one else None
            while len(lines) <= limit:
                found, after = await self._keys(one, prefix, after, limit + 1 - len(lines))
                lines += await self._lines(found)
                if after is None:
                    break
        more = len(lines) > limit
        return Page(tuple(lines[:limit]), cursor(lines[limit - 1].address) if more else None)

    async def _kinds(self) -> Sequence[str]:
        items = await self.table.range(keys.REGISTRY, "!", keys.LAST)
        return [x["sk"]["S"] for x in items]

    async def _keys(self, kind: str, prefix: str, after: str | None, limit: int) -> tuple[list[Address], str | None]:
        """Agents of a kind from the index, which lags by a second or so; the key to go on after."""
        params: dict[str, Any] = {
            "IndexName": KINDS, "KeyConditionExpression": "lk = :kind", "Limit": limit,
            "ExpressionAttributeValues": {":kind": {"S": kind}},
        }  # fmt: skip
        if prefix:
            params["KeyConditionExpression"] = "lk = :kind AND begins_with(ln, :prefix)"
            params["ExpressionAttributeValues"] = {":kind": {"S": kind}, ":prefix": {"S": prefix}}
        if after is not None:
            if not after.startswith(prefix):
                if after.encode() > prefix.encode():
                    return [], None
            else:
                pk = keys.partition(Address(kind, after))
                params["ExclusiveStartKey"] = {
                    "lk": {"S": kind}, "ln": {"S": after}, "pk": {"S": pk}, "sk": {"S": keys.HEAD}
                }  # fmt: skip
        answer = await self.table.call("query", **params)
        found = [keys.address_of(x["pk"]["S"]) for x in answer["Items"]]
        return found, found[-1].key if answer.get("LastEvaluatedKey") and found else None

    async def _lines(self, found: Sequence[Address]) -> list[Listed]:
        items = await self.table.fetch([(keys.partition(x), keys.HEAD) for x in found])
        heads = {keys.address_of(x["pk"]["S"]): head(x) for x in items}
        return [Listed(x, h.version, h.at, h.due) for x in found if (h := heads.get(x)) is not None and h.exists]


class Moved(Exception):
    """The agent was committed between two reads of it."""
