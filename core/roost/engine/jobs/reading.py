"""One reader of one stream of a job: from a cursor through what is stored to what is said now, on whatever host.

It pulls, at its own pace: from the memory of the executor, where that is this host, else from the store. So a slow
reader holds nothing, and a reader is not known to the executor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from ...contract.errors import NotFound
from ...contract.job import EndedJob, Job
from ...contract.record import record
from ...contract.stream import STREAM_KEPT, Cursor, Entry, read

if TYPE_CHECKING:
    from ...contract.address import Address
    from ...contract.stream import StreamLine
    from ...journal import Journal
    from ...ports import Future, Host
    from .streaming import Streams

SOONEST: Final = 0.05
"""Seconds between the first two looks at the store, where nothing tells of more."""
LATEST: Final = 1.0


@record
class Told:
    """What a reader gets."""

    kind: str
    """item, reset, gap, end."""
    cursor: str
    """The place behind it: `after` of whoever comes back."""
    data: bytes
    """JSON. item: {"step", "item"}. reset: {"void_from": offset, "step"}: items from there on of that step, or of all
    where it is "", are void. gap: {"first", "last"}: offsets that are not kept any more. end: {"last": offset}."""


class Reader:
    """See the file's head. `local`: what this host's executor says, if it has the job."""

    def __init__(
        self,
        host: Host,
        journal: Journal,
        local: Callable[[], Streams | None],
        address: Address,
        uid: str,
        name: str,
        after: Cursor,
    ) -> None:
        self._host = host
        self._journal = journal
        self._local = local
        self._address = address
        self._uid = uid
        self._name = name
        self.place = after
        """All up to there was told, or is of other streams."""
        self.over = False
        """The end was told."""
        self.idle = False
        """When it last looked, the job waited: nobody had it, and its last row was still to come."""
        self._pause = SOONEST
        self._more: Future[None] | None = None

    async def some(self) -> list[Told]:
        """What there is now, not all of it if it is much. NotFound: the job, or what is kept of it, is no more."""
        told = self._near()
        if told is None:
            told = await self._far()
        if told:
            self._pause = SOONEST
        return told

    async def wait(self, seconds: float) -> None:
        """Until there may be more, `seconds` at most."""
        streams = self._local()
        if streams is None or streams.over:
            self._more = None
            await self._host.sleep(min(seconds, self._pause))
            self._pause = min(LATEST, 1.5 * self._pause)
            return
        if self._more is None or self._more.done():
            self._more = streams.told()
        timeout = self._host.timeout(seconds)
        try:
            async with timeout:
                await self._host.shielded(self._more)
        except TimeoutError:
            if not timeout.expired():
                raise

    def _near(self) -> list[Told] | None:
        """From the memory of this host. None: it does not know."""
        streams = self._local()
        if streams is None or streams.over or not streams.number or streams.number < self.place.claim:
            return None
        told = self._void(streams.number, streams.cut(self.place.claim))
        entries = streams.after(self.place.offset)
        if entries is None:
            return told or None
        return told + self._these(entries)

    async def _far(self) -> list[Told]:
        """From the store."""
        job = await self._journal.job(self._address, self._uid)  # first: what is stored before its end is read behind
        if job is None or (isinstance(job, EndedJob) and job.ended + STREAM_KEPT < self._host.now()):
            raise NotFound(
                f"{self._address} has no streams of a job {self._uid!r}: they are kept for {STREAM_KEPT / 60:.0f} "
                "minutes after its end",
                code="no-stream",
            )
        self.idle = isinstance(job, Job) and not job.owner and job.ended is None
        told: list[Told] = []
        lines = await self._lines()
        if lines and (told := self._void(lines[-1].claim, read(lines[-1]).cut(self.place.claim))):
            lines = await self._lines()
        above = [line for line in lines if line.last > self.place.offset]
        for line in above:
            entries = read(line).entries
            begins = line.last - len(entries) + 1
            if begins > self.place.offset + 1:
                gap = b'{"first":%d,"last":%d}' % (self.place.offset + 1, begins - 1)
                self.place = Cursor(line.claim, begins - 1)
                told.append(Told("gap", str(self.place), gap))
            told += self._these([entry for entry in entries if entry.offset > self.place.offset])
        if isinstance(job, EndedJob) and not above:
            told += self._void(self.place.claim + 1, lines[-1].last if lines else 0)
            told.append(Told("end", str(self.place), b'{"last":%d}' % self.place.offset))
            self.over = True
        return told

    async def _lines(self) -> Sequence[StreamLine]:
        return await self._journal.streamed(self._address, self._uid, self.place.offset)

    def _void(self, claim: int, cut: int) -> list[Told]:
        """What is told under this claim is known, and where earlier ones were cut: is the place beyond that?"""
        if claim <= self.place.claim or self.place.offset <= cut:
            return []
        self.place = Cursor(self.place.claim, cut)
        return [Told("reset", str(self.place), b'{"void_from":%d,"step":""}' % (cut + 1))]

    def _these(self, entries: Sequence[Entry]) -> list[Told]:
        told: list[Told] = []
        for entry in entries:
            if entry.name in ("", self._name):
                step = to_json(entry.step)
                if entry.kind == "item":
                    data = b'{"step":%b,"item":%b}' % (step, entry.data)
                else:
                    data = b'%b,"step":%b}' % (entry.data[:-1], step)
                told.append(Told(entry.kind, entry.cursor, data))
        if entries:
            self.place = Cursor(entries[-1].claim, entries[-1].offset)
        return told
