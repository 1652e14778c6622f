"""Schedules, connections, and when an agent is due and armed."""

from __future__ import annotations

from roost.contract.commit import Gone, Put, Row, Unschedule
from roost.ports import Store

from .case import port_case
from .pen import STATE, Pen, schedule


@port_case("20", "schedules are put, replaced and removed with the commit; they load in the order of their keys")
async def store_schedules(store: Store) -> None:
    pen = Pen(store, "schedules")
    one, two, three = schedule("b"), schedule("\U0001f600", 5.5, gen=2), schedule("a/%", attempts=2, next=77.25)
    await pen.write(state=STATE, schedules=(one, two, three), sgen=3)
    assert (await pen.load()).schedules == (three, one, two)
    moved = schedule("b", 9.75, gen=4, spec=b'{"cron":"* * * * *"}', target="other", args=b"{}")
    await pen.write(schedules=(moved, Unschedule("\U0001f600"), Unschedule("never")), sgen=4)
    found = await pen.load()
    assert found.schedules == (three, moved) and found.sgen == 4
    await pen.write(state=b"2", sgen=4)
    assert (await pen.load()).schedules == (three, moved)


@port_case("7", "a thousand schedules load with the snapshot")
async def store_schedules_many(store: Store) -> None:
    pen = Pen(store, "schedules-many")
    for i in range(0, 1000, 50):
        await pen.write(state=STATE, schedules=tuple(schedule(f"s{n:04}", float(n), gen=n) for n in range(i, i + 50)))
    assert (await pen.load()).schedules == tuple(schedule(f"s{n:04}", float(n), gen=n) for n in range(1000))


@port_case("23", "connections are rows; attachments commit with the tick")
async def store_connections(store: Store) -> None:
    pen = Pen(store, "connections")
    late = Row("c1", "label", 20.5, "me", b'{"role":"x"}', b'{"n":1}')
    early = Row("c2", "l\u00e4bel", 10.25)
    await pen.write(state=STATE, connections=(late, early))
    assert (await pen.load()).connections == (early, late)
    changed = Row("c1", "label", 20.5, "me", b'{"role":"x"}', bytes(range(256)) * 64)
    tie = Row("c0", "label", 20.5)
    await pen.write(connections=(changed, tie))
    assert (await pen.load()).connections == (early, tie, changed)
    await pen.write(connections=(Gone("c2"), Gone("never"), Row("c1", "label", 20.5)))
    assert (await pen.load()).connections == (tie, Row("c1", "label", 20.5))


@port_case("22", "a commit says when the agent is due and when it is armed; both may be nothing")
async def store_armed_by_commit(store: Store) -> None:
    pen = Pen(store, "armed")
    for due, armed in ((50.5, 40.25), (50.5, 50.5), (None, 7.0), (None, None), (0.5, None)):
        await pen.write(state=STATE, next_due=due, armed=armed)
        found = await pen.load()
        assert (found.due, found.armed) == (due, armed)


@port_case("22", "arm changes that one column, and makes nothing")
async def store_arm(store: Store) -> None:
    pen = Pen(store, "arm")
    await store.arm(pen.address, 5.0)
    assert not (await pen.load()).exists and (await pen.load()).armed is None
    await pen.write(state=STATE, next_due=50.0, armed=50.0)
    before = await pen.load()
    for at in (None, 12.5):
        await store.arm(pen.address, at)
        found = await pen.load()
        assert found.armed == at and found.due == before.due and found.version == before.version
    await pen.write(state=b"2")


@port_case("records", "the size of an agent follows what it stores")
async def store_size(store: Store) -> None:
    pen, other = Pen(store, "size", "a"), Pen(store, "size", "b")
    await other.write(state=STATE)
    small = await store.size(other.address)
    await pen.write(state=b"x" * 50_000)
    stated = await store.size(pen.address)
    assert stated >= 50_000
    await pen.write(kv=(Put("k", b"x" * 100_000),), log=pen.entries("a"), schedules=(schedule("s"),))
    valued = await store.size(pen.address)
    assert valued >= stated + 100_000
    await pen.write(kv=(Put("k", None),))
    assert await store.size(pen.address) <= valued - 100_000
    assert await store.size(other.address) == small
