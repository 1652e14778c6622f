"""Streams of a job (rule 44): what its steps say while they run, kept for whoever reads it later.

All streams of a job are one log of entries, counted by offsets from 1 without a gap. A stored row holds some of them;
its first offset is its position and, as in the journal, the fence: nothing may be there. Entries are told live before
they are stored. What an executor that died had told and not stored is void: the first entry of the next claim is a
reset, whose offset is the first that the earlier claim did not store, and each row says where earlier claims were cut.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from pydantic_core import from_json, to_json

from .errors import Rejected, Unreadable
from .record import record

ITEM_BYTES: Final = 64 * 1024
"""Of one item, as JSON: with what stands around it, it is one frame of a WebSocket on every backend."""
STREAM_BYTES: Final = 1 << 20
"""Of the entries that are kept of one job, all its streams together; the oldest are cut."""
STREAMS: Final = 16
"""Streams of one run of a job."""
ENTRIES: Final = 256
"""Entries of one row, at most."""
BATCH_BYTES: Final = 8 * 1024
"""Bytes that wait at which they are stored at once."""
BATCH_SECONDS: Final = 1.0
"""Seconds an entry waits to be stored, at most."""
STREAM_KEPT: Final = 600.0
"""Seconds for which streams are kept after their job's end."""
CUTS: Final = 50
"""Earlier claims of which a row says where they were cut."""
OVERHEAD: Final = 24
"""Bytes an entry is counted as taking, beside its data."""
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
DEFAULT: Final = "default"
"""The stream of `run.emit`."""

EntryKind: TypeAlias = Literal["item", "reset"]


@record
class Entry:
    """One thing that a stream says."""

    claim: int
    """Number of the claim under which it was said."""
    offset: int
    kind: EntryKind
    name: str
    """Of the stream; "" = of all streams of the job."""
    step: str
    """`{run}/{branch}/{n}`: the step that said it, or whose items a reset voids; "" = of all."""
    data: bytes
    """JSON: the item. Of a reset {"void_from": offset}: what this step said in this stream from there on is void."""

    @property
    def cursor(self) -> str:
        return f"{self.claim}.{self.offset}"


@record
class StreamLine:
    """A stored row: entries `first` to `last`. `data` is what `read` reads."""

    first: int
    last: int
    claim: int
    data: bytes


@record
class StreamRow:
    """What a stored row says."""

    entries: tuple[Entry, ...]
    """Those that were not cut before they were stored: the last ones of the row."""
    cuts: tuple[tuple[int, int], ...]
    """Earlier claims, ascending, and the last offset that each one stored."""

    def cut(self, claim: int) -> int:
        """The last offset that counts of an earlier claim; 0 where it is not known any more."""
        return max((last for number, last in self.cuts if number <= claim), default=0)


def write(entries: Sequence[Entry], cuts: Sequence[tuple[int, int]]) -> bytes:
    """A row's data: a line of JSON that tells what follows, then each entry's data, unchanged."""
    head = [[list(cut) for cut in cuts], [[e.kind, e.name, e.step, len(e.data)] for e in entries]]
    return b"\n".join((to_json(head), b"".join([e.data for e in entries])))


def read(line: StreamLine) -> StreamRow:
    """The inverse of `write`. Unreadable: these bytes are no row."""
    try:
        head, _, rest = line.data.partition(b"\n")
        found: Any = from_json(head)
        cuts, told = cast("tuple[list[list[int]], list[list[Any]]]", found)
        entries: list[Entry] = []
        start, offset = 0, line.last - len(told)
        for kind, name, step, size in told:
            offset += 1
            entries.append(Entry(line.claim, offset, kind, name, step, rest[start : start + size]))
            start += size
        if start != len(rest) or offset != line.last:
            raise ValueError(f"{len(rest)} bytes of data, where the entries tell of {start}")
        return StreamRow(tuple(entries), tuple((number, last) for number, last in cuts))
    except (ValueError, TypeError) as error:
        raise Unreadable(f"row {line.first} of a stream can't be read: {error}") from error


def reset(claim: int, offset: int, name: str, step: str, void_from: int) -> Entry:
    return Entry(claim, offset, "reset", name, step, b'{"void_from":%d}' % void_from)


FOLLOWERS: Final = 100
"""Followers of one job, the newest."""


@record
class Follower:
    """A connection that is told what a stream says, by whatever host runs the job's steps."""

    cid: str
    name: str
    """Of the stream."""
    after: str
    """The cursor behind which it is told."""
    at: float
    expires: float | None = None
    """When its caller's time is over."""


@record
class Cursor:
    """A reader's place: the last entry it has."""

    claim: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.claim}.{self.offset}"


START: Final = Cursor()


def cursor(text: str) -> Cursor:
    """`{claim}.{offset}`; "" is the beginning. Rejected 422 `bad-cursor`."""
    if not text:
        return START
    claim, _, offset = text.partition(".")
    if len(text) <= 40 and claim.isascii() and claim.isdecimal() and offset.isascii() and offset.isdecimal():
        return Cursor(int(claim), int(offset))
    raise Rejected(
        f"after={text[:60]!r}: a cursor is `claim.offset`, as it came with an entry of the stream; without one it is "
        "read from its beginning",
        code="bad-cursor", status=422,
    )  # fmt: skip
