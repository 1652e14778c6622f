"""Key-value data: order by bytes, prefixes, pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from roost.contract.commit import Put
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter

KEYS: Final = (
    "\x01", "\t", " ", "%", "%a", "*", "/", "A", "A\x7f", "_", "_a", "a", "a%b", "a*b", "a/b", "a_b", "aXb", "a\u0301",
    "b", "\x7f", "\u0080", "\u00e9", "\u07ff", "\u0800", "\u4e2d", "\ud7ff", "\ud7ffz", "\ue000", "\ufffd", "\uffff",
    "\uffffa", "\U00010000", "\U0001f600", "\U0001f600x", "\U0010fffe", "\U0010ffff", "\U0010ffffa",
    "\U0010ffff\U0010ffff", "z",
)  # fmt: skip
"""In no order; code points below and above the surrogates, and the wildcards of several query languages."""


def by_bytes(keys: Sequence[str]) -> list[str]:
    return sorted(keys, key=str.encode)


async def _filled(store: Store, kind: str) -> CommitWriter:
    writer = CommitWriter(store, kind)
    await writer.write(state=STATE, kv=tuple(Put(key, key.encode()) for key in KEYS))
    return writer


@port_case("records", "put, overwrite, delete; what is missing is left out")
async def store_kv_get(store: Store) -> None:
    writer = CommitWriter(store, "kv")
    await writer.write(state=STATE, kv=(Put("a", b"1"), Put("b", b"2"), Put("c", b"3")))
    assert await store.get(writer.address, ["a", "c", "nope"]) == {"a": b"1", "c": b"3"}
    await writer.write(kv=(Put("a", b"11"), Put("b", None), Put("never", None), Put("d", b"4")))
    assert await store.get(writer.address, ["a", "b", "c", "d"]) == {"a": b"11", "c": b"3", "d": b"4"}
    assert await store.get(writer.address, []) == {}
    assert list(await store.scan(writer.address, "", "", 10)) == [("a", b"11"), ("c", b"3"), ("d", b"4")]


@port_case("7", "keys sort by the bytes of their UTF-8")
async def store_kv_order(store: Store) -> None:
    writer = await _filled(store, "kv-order")
    found = await store.scan(writer.address, "", "", 1000)
    assert [k for k, _ in found] == by_bytes(KEYS)
    assert all(value == key.encode() for key, value in found)
    assert await store.get(writer.address, KEYS) == {key: key.encode() for key in KEYS}


@port_case("7", "a prefix is text, not a pattern")
async def store_kv_prefix(store: Store) -> None:
    writer = await _filled(store, "kv-prefix")
    for prefix in (*KEYS, "a\\", "nope", "\U0010ffff" * 3, "\ud7ff\ud7ff"):
        found = [k for k, _ in await store.scan(writer.address, prefix, "", 1000)]
        assert found == by_bytes([k for k in KEYS if k.startswith(prefix)]), ascii(prefix)


@port_case("7", "pages of any size, from any key, make up the whole")
async def store_kv_pages(store: Store) -> None:
    writer = await _filled(store, "kv-pages")
    for prefix in ("", "a", "\U0010ffff"):
        whole = by_bytes([k for k in KEYS if k.startswith(prefix)])
        for limit in (1, 2, 7, 100):
            found: list[str] = []
            while page := await store.scan(writer.address, prefix, found[-1] if found else "", limit):
                assert len(page) <= limit
                found += [k for k, _ in page]
            assert found == whole, (prefix, limit)
        for after in ("", "A", "a", "a%b", "aa", "b", "z", "\U0010ffff", "\U0010ffff\U0010ffff\U0010ffff"):
            rest = [k for k, _ in await store.scan(writer.address, prefix, after, 1000)]
            assert rest == [k for k in whole if k.encode() > after.encode()], (prefix, ascii(after))


@port_case("7", "backwards the pages are the same whole, from its end")
async def store_kv_backwards(store: Store) -> None:
    writer = await _filled(store, "kv-backwards")
    for prefix in ("", "a", "nope", "\U0010ffff", "\ud7ff\ud7ff"):
        whole = by_bytes([k for k in KEYS if k.startswith(prefix)])[::-1]
        for limit in (1, 7, 100):
            found: list[str] = []
            while page := await store.scan(writer.address, prefix, found[-1] if found else "", limit, True):
                assert len(page) <= limit
                found += [k for k, _ in page]
            assert found == whole, (prefix, limit)
        for after in ("", "A", "a", "a%b", "aa", "b", "z", "\U0010ffff", "\U0010ffff\U0010ffff\U0010ffff"):
            rest = [k for k, _ in await store.scan(writer.address, prefix, after, 1000, True)]
            assert rest == [k for k in whole if not after or k.encode() < after.encode()], (prefix, ascii(after))


@port_case("7", "a value of 128 KiB under a key of 512 bytes")
async def store_kv_large(store: Store) -> None:
    writer = CommitWriter(store, "kv-large")
    key, value = "\U0001f600" * 128, bytes(range(256)) * 512
    await writer.write(state=STATE, kv=(Put(key, value), Put(key[:-1], b"small")))
    assert await store.get(writer.address, [key]) == {key: value}
    assert list(await store.scan(writer.address, key[:-1], "", 10)) == [(key[:-1], b"small"), (key, value)]
    await writer.write(kv=(Put(key, None),))
    assert await store.get(writer.address, [key]) == {}


@port_case("records", "many pages of many values")
async def store_kv_many(store: Store) -> None:
    writer = CommitWriter(store, "kv-many")
    for i in range(6):
        await writer.write(state=b"%d" % i, kv=tuple(Put(f"k{i * 80 + j:04}", b"%d" % j) for j in range(80)))
    found: list[str] = []
    while page := await store.scan(writer.address, "k", found[-1] if found else "", 100):
        found += [k for k, _ in page]
    assert found == [f"k{n:04}" for n in range(480)]
    await writer.write(kv=tuple(Put(f"k{n:04}", None) for n in range(0, 160, 2)))
    assert len(await store.scan(writer.address, "", "", 1000)) == 400
