"""Versions, fences and atomicity: a commit is there whole, or not at all."""

from __future__ import annotations

from typing import Final

from roost.contract.commit import Busy, Commit, Gone, Lease, Put, Snapshot, Unschedule
from roost.contract.errors import Conflict, Fenced
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter, effects, letter, refused

FAR: Final = 4_000_000_000.0
"""A time that no clock has reached."""


@port_case("records", "an agent never made is an empty snapshot of generation 1")
async def store_load_never_made(store: Store) -> None:
    writer = CommitWriter(store, "never")
    assert await writer.load() == Snapshot(writer.address)
    assert not (await writer.load()).exists
    assert await store.get(writer.address, ["k"]) == {}
    assert list(await store.scan(writer.address, "", "", 10)) == []
    assert list(await store.parked(writer.address, 0, 10)) == []
    assert list(await store.dead(writer.address, 0, 10)) == []
    assert await store.redrive(writer.address, None) == 0
    assert await store.size(writer.address) == 0


@port_case("records", "the first commit makes the agent; every column comes back")
async def store_commit_columns(store: Store) -> None:
    writer = CommitWriter(store, "columns")
    await writer.write(state=STATE, state_version=3, sgen=2, next_due=17.5, armed=16.25, released=0, seq=0)
    found = await writer.load()
    assert found == Snapshot(
        writer.address, 1, 1, 0, 1, writer.at, 0, 2, 17.5, 16.25, 0, STATE, 3
    ), found  # fmt: skip
    await writer.write(state=b"2", state_version=4, released=1)
    found = await writer.load()
    assert (found.version, found.state, found.state_version, found.released) == (2, b"2", 4, 1)
    assert found.due is None and found.armed is None and found.sgen == 0


@port_case("13", "a commit without a state leaves the state as it was")
async def store_commit_state_unchanged(store: Store) -> None:
    writer = CommitWriter(store, "unchanged")
    await writer.write(state=STATE, state_version=2)
    await writer.write(kv=(Put("k", b"1"),), state_version=9)
    found = await writer.load()
    assert (found.version, found.state, found.state_version) == (2, STATE, 2)


@port_case("records", "an agent that only failed has a version and does not exist")
async def store_commit_without_state(store: Store) -> None:
    writer = CommitWriter(store, "stateless")
    await writer.write(log=writer.entries("x"))
    found = await writer.load()
    assert found.version == 1 and found.seq == 1 and not found.exists
    await writer.write(state=STATE)
    assert (await writer.load()).exists


@port_case("13", "state is bytes: any, and 256 KiB of them")
async def store_commit_large_state(store: Store) -> None:
    writer = CommitWriter(store, "large")
    raw = bytes(range(256)) * 1024
    await writer.write(state=raw)
    assert (await writer.load()).state == raw
    await writer.write(state=raw[::-1])
    assert (await writer.load()).state == raw[::-1]
    await writer.write(state=STATE)
    assert (await writer.load()).state == STATE


@port_case("records", "a commit of another base is refused and writes nothing, whatever it holds")
async def store_commit_conflict_is_atomic(store: Store) -> None:
    writer = CommitWriter(store, "atomic")
    await writer.write(**effects(writer, "one"))
    kept = await store.park(writer.address, letter("p"), 10, 1.0)
    before = await writer.all()
    for base in (0, 2, 7):
        bad = writer.draft(**effects(writer, "two"), base=base, version=base + 1, consumed=kept.n)
        await refused(Conflict, store.commit(bad))
        assert await writer.all() == before, base
        assert await store.outcome(writer.address, "client", "me", "h-two") is None
    bad = writer.draft(
        base=0, kv=(Put("k-one", None),), schedules=(Unschedule("s-one"),), connections=(Gone("c-one"),), destroy=True
    )
    await refused(Conflict, store.commit(bad))
    bad = writer.draft(base=0, deferred=letter("p", n=kept.n, attempts=1, next=9e9))
    await refused(Conflict, store.commit(bad))
    assert await writer.all() == before
    await writer.write(**effects(writer, "two"))


@port_case("records", "an agent never made takes base 0 and generation 1 only")
async def store_commit_conflict_never_made(store: Store) -> None:
    writer = CommitWriter(store, "base")
    await refused(Conflict, store.commit(writer.draft(state=STATE, base=3, version=4)))
    await refused(Conflict, store.commit(writer.draft(state=STATE, generation=2)))
    assert await writer.load() == Snapshot(writer.address)
    await writer.write(state=STATE)


@port_case("28", "a commit of another generation is refused")
async def store_commit_generation(store: Store) -> None:
    writer = CommitWriter(store, "generation")
    await writer.write(state=STATE)
    for generation in (0, 2):
        await refused(Conflict, store.commit(writer.draft(state=b"2", generation=generation)))
    assert (await writer.load()).state == STATE


@port_case("records", "versions may jump, never fall back")
async def store_commit_version_jumps(store: Store) -> None:
    writer = CommitWriter(store, "jumps")
    await writer.write(state=STATE, version=41)
    await refused(Conflict, store.commit(writer.draft(state=b"2", base=1, version=2)))
    await writer.write(state=b"3")
    assert (await writer.load()).version == 42


@port_case("records", "a lease raises the fence; a writer behind it is Fenced and writes nothing")
async def store_fence(store: Store) -> None:
    writer = CommitWriter(store, "fence")
    await writer.write(state=STATE)
    first = await store.load(writer.address, Lease("one", 1.0))  # over since 1970: whoever has a clock may pass
    second = await store.load(writer.address, Lease("two", 1.0))
    assert isinstance(first, Snapshot) and isinstance(second, Snapshot)
    assert second.fence > first.fence > 0 and second.version == 1
    before = await writer.all()
    error = await refused(Fenced, store.commit(writer.draft(**effects(writer, "late"), fence=first.fence)))
    assert error.code == "fenced" and await writer.all() == before
    await writer.write(state=b"2", fence=second.fence)
    found = await writer.load()
    assert found.state == b"2" and found.fence == second.fence


@port_case("records", "who holds a lease that is not over is not disturbed, or the fence stops whoever was")
async def store_lease_held(store: Store) -> None:
    writer = CommitWriter(store, "lease")
    await writer.write(state=STATE)
    first = await store.load(writer.address, Lease("one", FAR))
    assert isinstance(first, Snapshot)
    other = await store.load(writer.address, Lease("two", FAR))
    draft = writer.draft(state=b"2", fence=first.fence)
    if isinstance(other, Busy):  # hosts share this store
        assert other.until == FAR
        again = await store.load(writer.address, Lease("one", FAR))
        assert isinstance(again, Snapshot) and again.fence > first.fence
        await refused(Fenced, store.commit(draft))
        await writer.write(state=b"2", fence=again.fence, yield_lease=True)
        other = await store.load(writer.address, Lease("two", FAR))
    else:
        await refused(Fenced, store.commit(draft))
    assert isinstance(other, Snapshot) and other.fence > first.fence
    await writer.write(state=b"3", fence=other.fence)
    assert (await writer.load()).state == b"3"


@port_case("records", "a lease on an agent never made keeps its fence and makes nothing")
async def store_fence_never_made(store: Store) -> None:
    writer = CommitWriter(store, "fresh-fence")
    leased = await store.load(writer.address, Lease("one", 1.0))
    assert isinstance(leased, Snapshot) and leased.fence > 0 and not leased.exists
    await refused(Fenced, store.commit(writer.draft(state=STATE, fence=0)))
    await writer.write(state=STATE, fence=leased.fence)
    assert (await writer.load()).fence == leased.fence


@port_case("records", "a load without a lease changes nothing")
async def store_load_is_a_read(store: Store) -> None:
    writer = CommitWriter(store, "reads")
    await writer.write(**effects(writer, "one"))
    before = await writer.all()
    assert await writer.all() == before
    assert before.snapshot.fence == 0


@port_case("7", "ninety operations in one commit")
async def store_commit_ninety(store: Store) -> None:
    writer = CommitWriter(store, "ninety")
    commit: Commit = await writer.write(state=STATE, kv=tuple(Put(f"k{i:02}", b"%d" % i) for i in range(90)))
    found = list(await store.scan(writer.address, "", "", 100))
    assert found == [(p.key, p.value) for p in commit.kv]
