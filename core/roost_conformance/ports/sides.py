"""Schedules, connections, and when an agent is due and armed."""

from __future__ import annotations

from roost.contract.commit import Gone, Put, Row, Unschedule
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter, schedule


@port_case("20", "schedules are put, replaced and removed with the commit; they load in the order of their keys")
async def store_schedules(store: Store) -> None:
    writer = CommitWriter(store, "schedules")
    one, two, three = schedule("b"), schedule("\U0001f600", 5.5, gen=2), schedule("a/%", attempts=2, next=77.25)
    await writer.write(state=STATE, schedules=(one, two, three), sgen=3)
    assert (await writer.load()).schedules == (three, one, two)
    moved = schedule("b", 9.75, gen=4, spec=b'{"cron":"* * * * *"}', target="other", args=b"{}")
    await writer.write(schedules=(moved, Unschedule("\U0001f600"), Unschedule("never")), sgen=4)
    found = await writer.load()
    assert found.schedules == (three, moved) and found.sgen == 4
    await writer.write(state=b"2", sgen=4)
    assert (await writer.load()).schedules == (three, moved)


@port_case("7", "a thousand schedules load with the snapshot")
async def store_schedules_many(store: Store) -> None:
    writer = CommitWriter(store, "schedules-many")
    for i in range(0, 1000, 50):
        await writer.write(
            state=STATE, schedules=tuple(schedule(f"s{n:04}", float(n), gen=n) for n in range(i, i + 50))
        )
    assert (await writer.load()).schedules == tuple(schedule(f"s{n:04}", float(n), gen=n) for n in range(1000))


@port_case("23", "connections are rows; attachments commit with the tick")
async def store_connections(store: Store) -> None:
    writer = CommitWriter(store, "connections")
    late = Row("c1", "label", 20.5, "me", b'{"role":"x"}', b'{"n":1}')
    early = Row("c2", "l\u00e4bel", 10.25)
    await writer.write(state=STATE, connections=(late, early))
    assert (await writer.load()).connections == (early, late)
    changed = Row("c1", "label", 20.5, "me", b'{"role":"x"}', bytes(range(256)) * 64)
    tie = Row("c0", "label", 20.5)
    await writer.write(connections=(changed, tie))
    assert (await writer.load()).connections == (early, tie, changed)
    await writer.write(connections=(Gone("c2"), Gone("never"), Row("c1", "label", 20.5)))
    assert (await writer.load()).connections == (tie, Row("c1", "label", 20.5))


@port_case("22", "a commit says when the agent is due and when it is armed; both may be nothing")
async def store_armed_by_commit(store: Store) -> None:
    writer = CommitWriter(store, "armed")
    for due, armed in ((50.5, 40.25), (50.5, 50.5), (None, 7.0), (None, None), (0.5, None)):
        await writer.write(state=STATE, next_due=due, armed=armed)
        found = await writer.load()
        assert (found.due, found.armed) == (due, armed)


@port_case("22", "arm changes that one column, and makes nothing")
async def store_arm(store: Store) -> None:
    writer = CommitWriter(store, "arm")
    await store.arm(writer.address, 5.0)
    assert not (await writer.load()).exists and (await writer.load()).armed is None
    await writer.write(state=STATE, next_due=50.0, armed=50.0)
    before = await writer.load()
    for at in (None, 12.5):
        await store.arm(writer.address, at)
        found = await writer.load()
        assert found.armed == at and found.due == before.due and found.version == before.version
    await writer.write(state=b"2")


@port_case("records", "the size of an agent follows what it stores")
async def store_size(store: Store) -> None:
    writer, other = CommitWriter(store, "size", "a"), CommitWriter(store, "size", "b")
    await other.write(state=STATE)
    small = await store.size(other.address)
    await writer.write(state=b"x" * 50_000)
    stated = await store.size(writer.address)
    assert stated >= 50_000
    await writer.write(kv=(Put("k", b"x" * 100_000),), log=writer.entries("a"), schedules=(schedule("s"),))
    valued = await store.size(writer.address)
    assert valued >= stated + 100_000
    await writer.write(kv=(Put("k", None),))
    assert await store.size(writer.address) <= valued - 100_000
    assert await store.size(other.address) == small
