"""Listings: order, filters, pages that hold while agents come and go."""

from __future__ import annotations

from roost.contract.address import Address
from roost.contract.commit import Listed, Page
from roost.contract.errors import Rejected
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter, letter, refused
from .values import KEYS, by_bytes


async def _whole(store: Store, kind: str | None, prefix: str, limit: int) -> list[Listed]:
    rows: list[Listed] = []
    cursor: str | None = None
    while True:
        page: Page = await store.list(kind, prefix, cursor, limit)
        assert len(page.rows) <= limit
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows


def _keys(rows: list[Listed]) -> list[str]:
    return [row.address.key for row in rows]


@port_case("31", "agents that exist are listed by kind and key, with version, time and due")
async def store_list(store: Store) -> None:
    kind = "list"
    for key in KEYS:
        await CommitWriter(store, kind, key).write(state=STATE)
    writer = CommitWriter(store, kind, "a")
    writer.version, writer.at = 1, writer.at + 1.0
    await writer.write(next_due=77.25)
    rows = await _whole(store, f"port-{kind}", "", 1000)
    assert _keys(rows) == by_bytes(KEYS)
    assert rows[by_bytes(KEYS).index("a")] == Listed(writer.address, 2, writer.at, 77.25)
    for limit in (1, 2, 38, 39, 40):
        assert await _whole(store, f"port-{kind}", "", limit) == rows, limit
    for prefix in ("a", "%", "_", "a_", "\ud7ff", "\U0010ffff", "nope"):
        found = await _whole(store, f"port-{kind}", prefix, 2)
        assert _keys(found) == by_bytes([k for k in KEYS if k.startswith(prefix)]), ascii(prefix)


@port_case("31", "who was never made, destroyed, or only has letters is not listed")
async def store_list_existing(store: Store) -> None:
    kind = "list-some"
    for key in "abcd":
        await CommitWriter(store, kind, key).write(state=STATE)
    gone = CommitWriter(store, kind, "b")
    gone.version = 1
    await gone.write(destroy=True)
    await store.park(Address(f"port-{kind}", "bb"), letter("x"), 10, 1.0)
    await CommitWriter(store, kind, "bbb").write(log=gone.entries("failed"))
    assert _keys(await _whole(store, f"port-{kind}", "", 1)) == ["a", "c", "d"]
    await gone.write(state=STATE)
    assert _keys(await _whole(store, f"port-{kind}", "", 1)) == ["a", "b", "c", "d"]


@port_case("31", "without a kind, all kinds; a prefix is of the key")
async def store_list_kinds(store: Store) -> None:
    made = [CommitWriter(store, f"list-{kind}", key) for kind in ("k-a", "k", "k-b") for key in ("x1", "x2", "y")]
    for writer in made:
        await writer.write(state=STATE)
    ours = [r.address for r in await _whole(store, None, "", 2) if r.address.kind.startswith("port-list-k")]
    assert ours == sorted(writer.address for writer in made)
    ours = [r.address for r in await _whole(store, None, "x", 2) if r.address.kind.startswith("port-list-k")]
    assert ours == sorted(writer.address for writer in made if writer.address.key != "y")


@port_case("31", "pages stay true while agents are made between them: none twice, none left out")
async def store_list_moving(store: Store) -> None:
    kind = "list-moving"
    for n in range(0, 40, 2):
        await CommitWriter(store, kind, f"k{n:02}").write(state=STATE)
    seen: list[str] = []
    cursor: str | None = None
    made = 1
    while True:
        page = await store.list(f"port-{kind}", "", cursor, 3)
        seen += [row.address.key for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
        await CommitWriter(store, kind, f"k{made:02}").write(state=STATE)
        made += 4
    assert seen == sorted(set(seen))
    assert {f"k{n:02}" for n in range(0, 40, 2)} <= set(seen)


@port_case("31", "a cursor of somebody's own making is refused")
async def store_list_cursor(store: Store) -> None:
    for cursor in ("", "x", "!!!", "AAAA", "\U0001f600", "eA=="):
        error = await refused(Rejected, store.list(None, "", cursor, 10))
        assert error.code == "bad-cursor", cursor
