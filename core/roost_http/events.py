"""GET .../events: the agent's log, then what happens live, as server-sent events (rules 17, 19).

The reader subscribes before it reads the log, and drops by number what it has seen there. Its SSE id is
always the number of the last entry it was sent or may skip, so that a reconnect misses nothing: chunks, which
are not entries, repeat it. Numbers start again when an agent is destroyed and born anew; the time of an
entry, which never runs backwards, tells that from a duplicate.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from roost.contract.address import Address
from roost.contract.commit import Entry
from roost.contract.errors import RoostError, problem
from roost.contract.pages import Pages
from roost.engine.subscribers import Item, Subscriber

from . import query
from .answer import Answer, fault
from .asgi import Header
from .exchange import Exchange
from .sse import COMMENT, HEADERS, HEARTBEAT, event, within

if TYPE_CHECKING:
    from .serves import Serves

RETRY: Final = b"retry: 1000\n\n"
"""Milliseconds after which the reader comes back when the window closes."""
SOON: Final = b"retry: 10\n\n"
MORE: Final[Header] = (b"roost-more", b"1")
"""Of an answer that ends before the log does, where none can be sent in pieces."""
ANSWER: Final = 1 << 20
"""Bytes of entries, about, in a JSON answer or a stream that goes out whole; `more` says that the log has others."""
PAGE: Final = 1000
KINDS: Final = 100


@dataclass(slots=True)
class Wanted:
    """What a reader asked for."""

    after: int
    kinds: frozenset[str]
    limit: int | None
    follow: bool


def wanted(x: Exchange) -> Wanted:
    """The query and the header Last-Event-ID, which wins over `after`. Rejected names what is wrong."""
    high = 2**53
    after = query.number(x.query, "after", 0, 0, high)
    last = x.header(b"last-event-id")
    if last:
        after = query.number({"Last-Event-ID": last}, "Last-Event-ID", 0, 0, high)
    kinds = frozenset(k for k in (query.plain(x.query, "kinds") or "").split(",") if k)
    if len(kinds) > KINDS:
        raise query.bad("kinds", f"at most {KINDS}")
    limit = query.number(x.query, "limit", 0, 1, PAGE) if "limit" in x.query else None
    return Wanted(after, kinds, limit, query.flag(x.query, "follow", True))


def entry_json(seq: int, kind: str, data: bytes, at: float) -> bytes:
    return b'{"seq":%d,"kind":%b,"data":%b,"at":%b}' % (seq, to_json(kind), data, to_json(at))


async def events(x: Exchange) -> Answer | None:
    """JSON if asked for; else the stream, which this sends itself."""
    want = wanted(x)
    accept = x.header(b"accept").lower()
    if "application/json" in accept and "text/event-stream" not in accept:
        return await _page(x, want)
    if x.head:
        x.runtime.kind(x.address.kind)
        return Answer(200, b"", [*HEADERS])
    capable = x.runtime.capabilities
    window = capable.sse_window if want.follow else 0.0
    reader = Reader(x.runtime, x.address, want)
    client = x.scope.get("client")
    with x.site.readers.one(x.address, x.caller.principal if x.caller else f"at {client[0] if client else ''}"):
        if not capable.http_stream:
            return await _some(reader)
        await (_follow(x, reader, window) if window > 0 else _all(x, reader))
    return None


async def _some(reader: Reader) -> Answer:
    """As much of the log as one answer holds; the reader comes back for the rest at once, by the number it has seen."""
    parts, size = [b""], 0
    async with aclosing(reader.backlog()) as backlog:
        async for part in backlog:
            parts.append(part)
            size += len(part)
            if size > ANSWER:
                return Answer(200, b"".join([SOON, *parts]), [*HEADERS, MORE])
    return Answer(200, b"".join([RETRY, *parts]), [*HEADERS])


async def _all(x: Exchange, reader: Reader) -> None:
    """The log as it is now, in pieces: a slow reader holds one of them."""
    begun = False
    try:
        async with aclosing(reader.backlog()) as backlog:
            first = await anext(backlog, b"")
            await x.begin(200, HEADERS)
            begun = True
            await x.write(RETRY + first)
            async for part in backlog:
                await x.write(part)
        await x.end()
    except OSError:
        pass  # the reader left
    except Exception as error:
        if not begun:
            raise
        known = error if isinstance(error, RoostError) else fault(x.host, error, f"{x.address} events")
        await x.write(event("error", to_json(problem(known))))
        await x.end()


async def _page(x: Exchange, want: Wanted) -> Answer:
    """Entries as JSON: as many as were asked for, or as fit."""
    pages, left, after, size = Pages(), want.limit or 100, want.after, 0
    rows: list[bytes] = []
    kept, more = 1, True
    while more:
        asked = min(pages.size, left)
        entries, first = await x.runtime.events(x.address, after, want.kinds, asked)
        kept = kept if rows else first
        rows += [entry_json(e.seq, e.kind, e.data, e.at) for e in entries]
        weight = sum(len(e.data) for e in entries)
        size, left = size + weight, left - len(entries)
        more = len(entries) == asked and left > 0
        if entries:
            after = entries[-1].seq
        if more and size > ANSWER:
            return Answer(200, b'{"events":[%b],"first":%d,"more":true}' % (b",".join(rows), kept))
        pages.took(len(entries), weight)
    return Answer(200, b'{"events":[%b],"first":%d}' % (b",".join(rows), kept))


async def _follow(x: Exchange, reader: Reader, window: float) -> None:
    runtime, host = x.runtime, x.host
    subscriber = runtime.subscribe(x.address, frozenset())
    watch = None
    try:
        edge = host.monotonic() + window
        backlog = reader.backlog()
        first = await anext(backlog, b"")
        await x.begin(200, HEADERS)
        watch = host.spawn(_watch(x, reader, subscriber))
        await x.write(RETRY + first)
        async for part in backlog:
            await x.write(part)
        while not (reader.over or runtime.closing):
            left = edge - host.monotonic()
            if left <= 0:
                break
            if await reader.wait(subscriber, min(left, HEARTBEAT)):
                async for part in reader.live(subscriber):
                    await x.write(part)
            else:
                await x.write(COMMENT + b"id: %d\n\n" % reader.position)
        await x.end()
    except OSError:
        pass  # the reader left
    except RoostError:
        if watch is None:
            raise
        await x.end()  # it comes back and asks again
    except Exception as error:
        if watch is None:
            raise
        fault(host, error, f"{x.address} events")
        await x.end()
    finally:
        runtime.unsubscribe(x.address, subscriber)
        if watch is not None:
            watch.cancel()


async def _watch(x: Exchange, reader: Reader, subscriber: Subscriber) -> None:
    """See when the reader leaves."""
    while (await x.receive())["type"] != "http.disconnect":
        pass
    reader.over = True
    subscriber.wake()


class Reader:
    """One reader's place in the log."""

    def __init__(self, runtime: Serves, address: Address, want: Wanted) -> None:
        self.runtime = runtime
        self.address = address
        self.kinds = want.kinds
        self.position = want.after
        """The last entry sent, or not wanted."""
        self.at = 0.0
        """The time of the last entry known to be at or before `position`."""
        self.left = want.limit
        self.over = False

    async def backlog(self) -> AsyncGenerator[bytes, None]:
        """What the log holds after `position`, encoded, a page at a time."""
        snapshot = await self.runtime.snapshot(self.address)
        self.at = max(self.at, snapshot.at)
        if self.position > snapshot.seq:  # of an earlier life of this agent
            yield self._gap(1)
        pages = Pages()
        while not self.over:
            wanted = pages.size
            entries, first = await self.runtime.events(self.address, self.position, self.kinds, wanted)
            parts: list[bytes] = []
            if self.position + 1 < first:
                parts.append(self._gap(first))
            for entry in entries:
                parts.append(self._entry(entry))
                if self.over:
                    break
            if parts:
                yield b"".join(parts)
            if len(entries) < wanted:
                break
            pages.took(len(entries), sum(len(entry.data) for entry in entries))
        self.position = max(self.position, snapshot.seq) if not self.over else self.position

    async def wait(self, subscriber: Subscriber, seconds: float) -> bool:
        """Until there is something live, `seconds` at most; whether there is."""
        return await within(self.runtime.host, seconds, subscriber.wait())

    async def live(self, subscriber: Subscriber) -> AsyncGenerator[bytes, None]:
        """What came since, encoded; from the log again if it was more than the subscriber holds, after a commit that
        told nobody (its answer was lost), and where another life of the agent begins."""
        items, lagged = subscriber.take(), subscriber.lagged
        subscriber.lagged = False
        parts: list[bytes] = []
        for item in items:
            if item.type == "event" and item.seq <= self.position and item.at > self.at:  # of another life
                parts.append(self._gap(1))
            lagged = lagged or (item.type == "event" and item.seq > self.position + 1)
            if self.over or lagged:
                break
            parts.append(self._item(item))
        if parts:
            yield b"".join(parts)
        if lagged:
            async for part in self.backlog():
                yield part

    def _item(self, item: Item) -> bytes:
        if item.type != "event":
            data = b'{"id":%b,"data":%b}' % (to_json(item.id), item.data)
            return event(item.type, data, b"%d" % self.position)
        if item.seq <= self.position:
            return b""
        if self.kinds and item.kind not in self.kinds:
            self.position, self.at = item.seq, item.at
            return b""
        return self._entry(Entry(item.seq, item.kind, item.data, item.at))

    def _entry(self, entry: Entry) -> bytes:
        self.position, self.at = entry.seq, max(self.at, entry.at)
        if self.left is not None:
            self.left -= 1
            self.over = self.left <= 0
        return event(entry.kind, entry_json(entry.seq, entry.kind, entry.data, entry.at), b"%d" % entry.seq)

    def _gap(self, first: int) -> bytes:
        self.position = first - 1
        return event(b"gap", b'{"first":%d}' % first, b"%d" % self.position)
