"""The event log: dense numbers, a ring, an honest first number."""

from __future__ import annotations

from typing import Final

from roost.contract.commit import Entry
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter

KEEP: Final = 1000
"""Entries a log keeps under the portable limits."""
ALL: Final[frozenset[str]] = frozenset()


@port_case("17", "entries come oldest first, after a number, of some kinds, so many at most")
async def store_log_reads(store: Store) -> None:
    writer = CommitWriter(store, "log")
    assert await store.log(writer.address, 0, ALL, 10) == ([], 1)
    one = await writer.write(state=STATE, log=writer.entries("a", "b", "a"))
    two = await writer.write(log=writer.entries("c", "a"))
    whole = [*one.log, *two.log]
    assert [e.seq for e in whole] == [1, 2, 3, 4, 5] and (await writer.load()).seq == 5
    for after in range(7):
        for limit in (1, 2, 10):
            for kinds in (ALL, frozenset({"a"}), frozenset({"b", "c"}), frozenset({"%", "_"})):
                entries, first = await store.log(writer.address, after, kinds, limit)
                wanted = [e for e in whole if e.seq > after and (not kinds or e.kind in kinds)]
                assert list(entries) == wanted[:limit], (after, limit, kinds)
                assert first == 1


@port_case("17", "the log is a ring: the oldest make room, and the first number kept is told")
async def store_log_ring(store: Store) -> None:
    writer = CommitWriter(store, "ring")
    for i in range(15):
        await writer.write(state=b"%d" % i, log=writer.entries(*(["even", "odd"] * 40)))
        entries, first = await store.log(writer.address, 0, ALL, 5000)
        low = max(1, writer.seq - KEEP + 1)
        assert first == low and [e.seq for e in entries] == list(range(low, writer.seq + 1)), i
    entries, first = await store.log(writer.address, 0, frozenset({"odd"}), 3)
    assert first == 201 and [e.seq for e in entries] == [202, 204, 206]
    entries, first = await store.log(writer.address, 1195, ALL, 100)
    assert first == 201 and [e.seq for e in entries] == [1196, 1197, 1198, 1199, 1200]
    assert await store.log(writer.address, 1200, ALL, 100) == ([], 201)
    assert await store.log(writer.address, 9999, ALL, 100) == ([], 201)
    await writer.write(log=writer.entries("one"))
    entries, first = await store.log(writer.address, 0, ALL, 2)
    assert first == 202 and [e.seq for e in entries] == [202, 203]


@port_case("7", "an entry of 128 KiB, a kind of 64 characters")
async def store_log_large(store: Store) -> None:
    writer = CommitWriter(store, "log-large")
    entry = Entry(1, "\u00e9" * 64, b'"' + b"x" * (128 * 1024 - 2) + b'"', writer.at)
    await writer.write(state=STATE, log=(entry,))
    assert await store.log(writer.address, 0, frozenset({entry.kind}), 10) == ([entry], 1)
