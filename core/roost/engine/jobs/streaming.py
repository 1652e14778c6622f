"""What the steps of one job say under one claim: told at once to readers of this host, stored in batches.

A step's outcome is journaled behind its last batch, so that what a finished step said is never lost. The offset is the
fence (contract/stream.py): a batch of an executor that lost the job finds its place taken, and counts for nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ...contract.errors import LimitExceeded
from ...contract.stream import (
    BATCH_BYTES,
    BATCH_SECONDS,
    CUTS,
    ENTRIES,
    OVERHEAD,
    STREAM_BYTES,
    STREAMS,
    Entry,
    StreamLine,
    read,
    reset,
    write,
)
from .hold import Lost

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...contract.job import Claim
    from ...journal import Journal
    from ...ports import Future, Host, Timer

ROW_BYTES: Final = 128 * 1024
"""Bytes of entries in one row, about, when many wait."""
NEAR: Final = 128 * 1024
"""Bytes of stored entries that stay in memory, for readers that follow."""
Insist = Callable[[Callable[[], Coroutine[Any, Any, bool]]], Coroutine[Any, Any, bool]]


class Streams:
    """Of one claim on one job."""

    def __init__(
        self, host: Host, journal: Journal, insist: Insist, lost: Callable[[], object], address: Address, uid: str
    ) -> None:
        """`insist` makes a write until its answer is known; `lost` hears that another executor has the job."""
        self.address = address
        self.uid = uid
        self._host = host
        self._journal = journal
        self._insist = insist
        self._lost = lost
        self._claim: Claim | None = None
        self._opening = True
        self.next = 1
        """Offset of the next entry."""
        self.stored = 0
        """The last offset that is stored."""
        self.near: deque[Entry] = deque()
        """Entries in memory: those that wait to be stored, and some before them."""
        self._near_bytes = 0
        self._waiting = 0
        """Bytes that wait to be stored."""
        self._rows: deque[tuple[int, int]] = deque()
        """Stored rows that are kept: first offset and bytes."""
        self._kept = 0
        self._cuts: tuple[tuple[int, int], ...] = ()
        self._said: dict[tuple[str, str], int] = {}
        """Step and stream -> the first offset of what the step said there, and that is not void."""
        self._names: set[str] = set()
        self._timer: Timer | None = None
        self._writing = False
        self._settled: Future[None] | None = None
        self._readers: list[Future[None]] = []
        self.over = False
        """Nothing is said any more."""
        self.stirred: Callable[[bool], object] = lambda first: None
        """Told when the first entry under this claim is said (True), and after each batch."""
        self._spoke = False

    # The life ------------------------------------------------------------------------------------------

    async def open(self, claim: Claim) -> None:
        """Begin under this claim: behind what earlier ones stored, shutting out whoever wrote last."""
        self._claim = claim
        if claim.number > 1:
            await self._take_over(claim)
        self._opening = False

    async def _take_over(self, claim: Claim) -> None:
        while True:
            last = await self._load()
            if last is None or last.claim == claim.number:
                return
            self._cuts = (*self._cuts, (last.claim, last.last))[-CUTS:]
            entry = self._first()
            if await self._insist(partial(self._journal.stream, claim, self._line([entry], entry.offset), ())):
                self._remember(entry)
                self.stored = entry.offset
                return
            self._cuts = ()  # the one before wrote on meanwhile

    async def _load(self) -> StreamLine | None:
        self.near.clear()
        self._rows.clear()
        self._said.clear()
        self._near_bytes = self._kept = self.stored = 0
        last: StreamLine | None = None
        while page := [
            x for x in await self._journal.streamed(self.address, self.uid, self.stored) if x.last > self.stored
        ]:
            for last in page:
                row = read(last)
                for entry in row.entries:
                    self._counts(entry)
                self._cuts = row.cuts
                self._rows.append((last.first, len(last.data)))
                self._kept += len(last.data)
                self.stored = last.last
        self.next = self.stored + 1
        return last

    def _counts(self, entry: Entry) -> None:
        """What of its step is not void, now that it was said."""
        if entry.kind == "item":
            self._names.add(entry.name)
            self._said.setdefault((entry.step, entry.name), entry.offset)
        elif entry.step:
            self._said.pop((entry.step, entry.name), None)

    def _first(self) -> Entry:
        """The first entry of a claim that is not the first: whatever was told from there on before is void."""
        assert self._claim is not None
        entry = reset(self._claim.number, self.next, "", "", self.next)
        self.next += 1
        return entry

    # What steps say ------------------------------------------------------------------------------------

    def begun(self, step: str) -> None:
        """A step begins: what it said in an attempt before is void."""
        if self._said:
            for key in [key for key in self._said if key[0] == step]:
                assert self._claim is not None
                self._add(reset(self._claim.number, self.next, key[1], step, self._said[key]))

    def ended(self, step: str) -> None:
        """A step has its outcome: it never runs again."""
        if self._said:
            for key in [key for key in self._said if key[0] == step]:
                del self._said[key]

    def say(self, step: str, name: str, data: bytes) -> None:
        """An item. LimitExceeded `job_streams`."""
        assert self._claim is not None
        if self.over:
            return
        if name not in self._names and len(self._names) >= STREAMS:
            raise LimitExceeded(
                f"the job has {STREAMS} streams, which is the limit: {name!r} would be one more; let items say what "
                "they are",
                limit="job_streams",
            )
        if self.next == 1 and self._claim.number > 1:
            self._add(self._first())
        self._add(Entry(self._claim.number, self.next, "item", name, step, data))

    def _add(self, entry: Entry) -> None:
        self.next = entry.offset + 1
        self._counts(entry)
        self._remember(entry)
        self._waiting += len(entry.data) + OVERHEAD
        if not self._spoke:
            self._spoke = True
            self.stirred(True)
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)
        if self._waiting >= BATCH_BYTES:
            self._write()
        elif self._timer is None and not self._writing:
            self._timer = self._host.call_later(BATCH_SECONDS, self._write)

    def _remember(self, entry: Entry) -> None:
        self.near.append(entry)
        self._near_bytes += len(entry.data) + OVERHEAD
        while self.near and self._near_bytes > (NEAR if self.near[0].offset <= self.stored else STREAM_BYTES):
            gone = self.near.popleft()
            size = len(gone.data) + OVERHEAD
            self._near_bytes -= size
            if gone.offset > self.stored:  # the store is too slow: it would be cut at once, so it is a gap
                self._waiting -= size

    # Storing -------------------------------------------------------------------------------------------

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not (self._writing or self.over):
            self._writing = True  # a host may run it to its end at once
            self._host.spawn(self._through())

    async def _through(self) -> None:
        try:
            while self.waits and not self.over:
                await self._batch()
        except Lost:
            self.close()
            self._lost()
        finally:
            self._writing = False
            settled, self._settled = self._settled, None
            if settled is not None and not settled.done():
                settled.set_result(None)

    async def _batch(self) -> None:
        assert self._claim is not None
        some: list[Entry] = []
        size = 0
        for entry in self.near:
            if entry.offset <= self.stored:
                continue
            size += len(entry.data) + OVERHEAD
            if some and (len(some) == ENTRIES or size > ROW_BYTES):
                break
            some.append(entry)
        last = some[-1].offset
        line = self._line(some, last)
        drop: list[int] = []
        kept = self._kept + len(line.data)
        for first, bytes_ in self._rows:
            if kept <= STREAM_BYTES:
                break
            kept -= bytes_
            drop.append(first)
        if not await self._insist(partial(self._journal.stream, self._claim, line, drop)):
            raise Lost
        for _ in drop:
            self._rows.popleft()
        self._rows.append((line.first, len(line.data)))
        self._kept = kept
        for entry in some:
            self._waiting -= len(entry.data) + OVERHEAD
        self.stored = last
        self.stirred(False)

    def _line(self, entries: list[Entry], last: int) -> StreamLine:
        assert self._claim is not None
        return StreamLine(self.stored + 1, last, self._claim.number, write(entries, self._cuts))

    @property
    def waits(self) -> bool:
        """Something that was said is not stored."""
        return self.stored + 1 < self.next

    async def settle(self) -> None:
        """Return when all that was said so far is stored, or nobody will store it."""
        upto = self.next - 1
        while self.stored < upto and not self.over:
            self._write()
            if self._settled is None:
                self._settled = self._host.future()
            await self._host.shielded(self._settled)

    def close(self) -> None:
        """The claim is over: what waits is not stored any more."""
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        readers, self._readers = self._readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)

    # Readers of this host ------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Of the claim; 0 = nothing is known of the job yet."""
        return 0 if self._claim is None or self._opening else self._claim.number

    def cut(self, claim: int) -> int:
        """The last offset that counts of an earlier claim."""
        return max((last for number, last in self._cuts if number <= claim), default=0)

    def after(self, offset: int) -> list[Entry] | None:
        """Entries after this one, stored or not. None: some are not in memory any more."""
        if offset + 1 >= self.next:
            return []
        if not self.near or self.near[0].offset > offset + 1:
            return None
        return [entry for entry in self.near if entry.offset > offset]

    def told(self) -> Future[None]:
        """Done when something more was said, or nothing will be. Not to be asked once that is so (`over`)."""
        future: Future[None] = self._host.future()
        self._readers.append(future)
        return future
