"""The mailbox in the store: order, joins, limits, dead letters and back."""

from __future__ import annotations

from asyncio import gather
from dataclasses import replace

from roost.contract.commit import LETTERS, DeadLetter, Letter
from roost.contract.errors import Conflict, LimitExceeded, Rejected
from roost.contract.room import Room
from roost.ports import Store

from .case import port_case
from .commit_writer import ARGS, STATE, CommitWriter, handled, letter, refused

MANY = 10_000


@port_case("15", "a letter parks for an agent never made, which still does not exist")
async def store_park_never_made(store: Store) -> None:
    writer = CommitWriter(store, "park")
    one = await store.park(writer.address, letter("x"), MANY, 5.5)
    assert one == letter("x", n=one.n) and one.n > 0
    found = await writer.load()
    assert (found.letters, found.waiting, found.version, found.exists) == ((one,), 1, 0, False)
    assert (found.armed, found.due) == (5.5, None)
    page = await store.list(writer.address.kind, "", None, 10)
    assert page.rows == () and page.cursor is None
    await writer.write(state=STATE, consumed=one.n)
    found = await writer.load()
    assert (found.letters, found.waiting, found.exists) == ((), 0, True)


@port_case("records", "every field of a letter comes back")
async def store_park_fields(store: Store) -> None:
    writer = CommitWriter(store, "park-fields")
    full = Letter(
        "x/\U0001f600", "agent", "k\u00efnd/k%y", "note it", b"\x00\xff" * 60_000, "urgent", True, 3, 17.25, 0,
        b'{"a":1}', False,
    )  # fmt: skip
    one = await store.park(writer.address, full, MANY, 1.0)
    assert one == replace(full, n=one.n)
    assert list(await store.parked(writer.address, 0, 10)) == [one] == list((await writer.load()).letters)


@port_case("14", "letters come in the order of their arrival, whatever their lane; pages by number")
async def store_park_order(store: Store) -> None:
    writer = CommitWriter(store, "park-order")
    sent = [
        await store.park(writer.address, letter(f"x{i}", lane="urgent" if i % 3 else "standard"), MANY, 1.0)
        for i in range(12)
    ]
    assert [x.n for x in sent] == sorted({x.n for x in sent})
    assert list((await writer.load()).letters) == sent
    for limit in (1, 5, 12, 100):
        found: list[Letter] = []
        while page := await store.parked(writer.address, found[-1].n if found else 0, limit):
            assert len(page) <= limit
            found += page
        assert found == sent


@port_case("2", "the same id while the first waits joins it; with other arguments it is refused")
async def store_park_joins(store: Store) -> None:
    writer = CommitWriter(store, "park-joins")
    first = await store.park(writer.address, letter("x"), MANY, 10.0)
    assert await store.park(writer.address, letter("x"), MANY, 10.0) == first
    same = letter("x", args=b'{"kwargs": {"a": "b"}, "args": [1]}')
    assert await store.park(writer.address, same, MANY, 10.0) == first
    for other in (letter("x", args=b'{"args":[2],"kwargs":{"a":"b"}}'), letter("x", action="other")):
        error = await refused(Rejected, store.park(writer.address, other, MANY, 10.0))
        assert (error.status, error.code) == (422, "key-reused")
    assert (await writer.load()).letters == (first,) and (await writer.load()).waiting == 1
    strangers = [
        letter("x", principal="you"), letter("x", source="agent"), letter("x", source="operator"),
        letter("x", source="app"), letter("x", principal=""),
    ]  # fmt: skip
    for one in strangers:
        assert (await store.park(writer.address, one, MANY, 10.0)).n > first.n
    assert (await writer.load()).waiting == 6


@port_case("2", "letters whose sender never repeats are not joined")
async def store_park_unkeyed(store: Store) -> None:
    writer = CommitWriter(store, "park-unkeyed")
    one = await store.park(writer.address, letter("x", keyed=False), MANY, 1.0)
    two = await store.park(writer.address, letter("x", keyed=False), MANY, 1.0)
    three = await store.park(writer.address, letter("x"), MANY, 1.0)
    four = await store.park(writer.address, letter("x", keyed=False), MANY, 1.0)
    assert len({one.n, two.n, three.n, four.n}) == 4 and (await writer.load()).waiting == 4
    assert await store.park(writer.address, letter("x"), MANY, 1.0) == three


@port_case("15", "an id whose letter is gone parks anew: the store looks only at who waits")
async def store_park_again(store: Store) -> None:
    writer = CommitWriter(store, "park-again")
    one = await store.park(writer.address, letter("x"), MANY, 1.0)
    await writer.write(state=STATE, consumed=one.n, handled=handled("x"))
    two = await store.park(writer.address, letter("x"), MANY, 1.0)
    assert two.n > one.n and (await writer.load()).letters == (two,)


@port_case("22", "parking arms the agent no later than it was; a letter for later makes it due no later")
async def store_park_arms(store: Store) -> None:
    writer = CommitWriter(store, "park-arms")
    await writer.write(state=STATE, next_due=100.0, armed=50.0)
    steps = [
        (letter("a"), 60.0, 50.0, 100.0),
        (letter("b"), 40.0, 40.0, 100.0),
        (letter("c", next=200.0), 200.0, 40.0, 100.0),
        (letter("d", next=30.5), 30.5, 30.5, 30.5),
    ]
    for one, at, armed, due in steps:
        await store.park(writer.address, one, MANY, at)
        found = await writer.load()
        assert (found.armed, found.due) == (armed, due), one.id
    await writer.write()
    await store.park(writer.address, letter("e", next=70.0), MANY, 65.0)
    found = await writer.load()
    assert (found.armed, found.due) == (65.0, 70.0)
    await writer.write()
    await store.park(writer.address, letter("f"), MANY, 65.0)
    assert (await writer.load()).due is None
    await writer.write(consumed=None, next_due=30.5, armed=None)
    await store.park(
        writer.address, letter("f"), MANY, 80.0
    )  # it waits: whoever sends it again wants it run all the same
    assert (await writer.load()).armed == 80.0


@port_case("7", "a full mailbox refuses; whoever waits already is still joined; room made is room")
async def store_park_limit(store: Store) -> None:
    writer = CommitWriter(store, "park-limit")
    sent = [await store.park(writer.address, letter(f"x{i}"), 3, 1.0) for i in range(3)]
    before = await writer.load()
    error = await refused(LimitExceeded, store.park(writer.address, letter("y", next=0.5), 3, 0.25))
    assert (error.limit, error.status) == ("mailbox", 429)
    assert await writer.load() == before
    assert await store.park(writer.address, letter("x1"), 3, 1.0) == sent[1]
    await writer.write(state=STATE, consumed=sent[0].n)
    assert (await store.park(writer.address, letter("y"), 3, 1.0)).n > sent[2].n
    await refused(LimitExceeded, store.park(writer.address, letter("z"), 3, 1.0))


@port_case("15", "no client has more of a mailbox than its share; others and who waits already are not concerned")
async def store_park_share(store: Store) -> None:
    writer = CommitWriter(store, "park-share")
    room = Room.of(9, 3)
    for i in range(2):
        await store.park(writer.address, letter(f"a{i}", principal="ann"), room, 1.0)
    for i in range(2):
        await store.park(writer.address, letter(f"b{i}", principal="ben", next=9.0), room, 1.0)
    last = await store.park(writer.address, letter("a2", principal="ann", next=5.0), room, 1.0)
    before = await writer.load()
    for more in (letter("a3", principal="ann"), letter("a4", principal="ann", next=2.0, lane="urgent")):
        error = await refused(LimitExceeded, store.park(writer.address, more, room, 0.25))
        assert (error.limit, error.status) == ("mailbox_share", 429)
    assert await writer.load() == before
    assert (await store.park(writer.address, letter("a2", principal="ann", next=5.0), room, 1.0)).n == last.n
    await store.park(writer.address, letter("b2", principal="ben"), room, 1.0)
    await store.park(writer.address, letter("x", principal=""), room, 1.0)
    await store.park(writer.address, letter("y", principal="ann"), 9, 1.0)
    await store.park(writer.address, letter("z", source="agent", principal="ann"), room, 1.0)
    await refused(LimitExceeded, store.park(writer.address, letter("w", principal="cid"), room, 1.0))


@port_case("15", "a letter is consumed by the commit of its tick, and by no refused one")
async def store_consume(store: Store) -> None:
    writer = CommitWriter(store, "consume")
    one, two = [await store.park(writer.address, letter(id), MANY, 1.0) for id in "ab"]
    await refused(Conflict, store.commit(writer.draft(base=7, version=8, state=STATE, consumed=one.n)))
    assert (await writer.load()).waiting == 2
    await writer.write(state=STATE, consumed=one.n)
    assert (await writer.load()).letters == (two,) and (await writer.load()).waiting == 1
    await writer.write(consumed=one.n)
    assert (await writer.load()).letters == (two,) and (await writer.load()).waiting == 1
    await writer.write(consumed=two.n)
    assert (await writer.load()).letters == () and (await writer.load()).waiting == 0


@port_case("15", "parking does not disturb the tick that runs: the version stands")
async def store_park_beside_commit(store: Store) -> None:
    writer = CommitWriter(store, "park-beside")
    await writer.write(state=STATE)
    draft = writer.draft(state=b"2", armed=None)
    one = await store.park(writer.address, letter("x"), MANY, 1.0)
    await store.commit(draft)
    found = await writer.load()
    assert found.version == 2 and found.letters == (one,)


@port_case("15", "a letter put off keeps its place, with its attempts and when to try again")
async def store_defer(store: Store) -> None:
    writer = CommitWriter(store, "defer")
    one, two = [await store.park(writer.address, letter(id, lane="urgent"), MANY, 1.0) for id in "ab"]
    later = replace(one, attempts=1, next=77.25)
    await writer.write(deferred=later, next_due=77.25, armed=77.25)
    assert (await writer.load()).letters == (later, two)
    assert list(await store.parked(writer.address, 0, 10)) == [later, two]
    assert await store.park(writer.address, letter("a", lane="urgent"), MANY, 1.0) == later
    await writer.write(consumed=one.n)
    assert (await writer.load()).letters == (two,)


@port_case("15", "after the last attempt a letter is dead: kept with its error, in order")
async def store_dead(store: Store) -> None:
    writer = CommitWriter(store, "dead")
    graves: list[DeadLetter] = []
    for id in "abc":
        one = await store.park(writer.address, letter(id, claims=b"{}"), MANY, 1.0)
        grave = DeadLetter(replace(one, attempts=5), b'{"code":"%s"}' % id.encode(), writer.at)
        await writer.write(consumed=one.n, dead=(grave,))
        graves.append(grave)
    late = DeadLetter(letter("daily/1/5.000", source="schedule", principal="", keyed=False), b"{}", writer.at)
    await writer.write(dead=(late,))
    found = list(await store.dead(writer.address, 0, 10))
    assert [d.n for d in found] == sorted({d.n for d in found}) and all(d.n > 0 for d in found)
    bare = [replace(d, n=0, letter=replace(d.letter, n=0)) for d in (*graves, late)]
    assert [replace(d, n=0, letter=replace(d.letter, n=0)) for d in found] == bare
    snapshot = await writer.load()
    assert snapshot.dead == 4 and snapshot.waiting == 0
    assert list(await store.dead(writer.address, found[1].n, 1)) == [found[2]]
    assert list(await store.dead(writer.address, found[3].n, 10)) == []


async def _two_dead(store: Store, kind: str) -> CommitWriter:
    writer = CommitWriter(store, kind)
    for id in "ab":
        one = await store.park(writer.address, letter(id, lane="urgent", claims=b"{}", next=3.0), MANY, 1.0)
        grave = DeadLetter(replace(one, attempts=5, next=0.0), b"{}", writer.at)
        await writer.write(
            state=STATE, consumed=one.n, dead=(grave,), handled=handled(id, b"{}", outcome="agent-error")
        )
    return writer


@port_case("15", "redrive keeps the id, forgets the attempts, and the outcome that stood in the way")
async def store_redrive(store: Store) -> None:
    writer = await _two_dead(store, "redrive")
    waits = await store.park(writer.address, letter("c"), MANY, 1.0)
    await writer.write(handled=handled("z"))
    assert await store.redrive(writer.address, None) == 2
    found = await writer.load()
    assert found.dead == 0 and found.waiting == 3 and list(await store.dead(writer.address, 0, 10)) == []
    a, b = found.letters[1:]
    assert found.letters[0] == waits and waits.n < a.n < b.n
    assert [a, b] == [letter(id, lane="urgent", claims=b"{}", n=n) for id, n in (("a", a.n), ("b", b.n))]
    assert await store.outcome(writer.address, "client", "me", "a") is None
    assert await store.outcome(writer.address, "client", "me", "b") is None
    assert await store.outcome(writer.address, "client", "me", "z") is not None
    assert await store.redrive(writer.address, None) == 0
    await writer.write(consumed=a.n, handled=handled("a"))
    assert (await writer.load()).letters == (waits, b)


@port_case("15", "redrive of one id leaves the others dead")
async def store_redrive_one(store: Store) -> None:
    writer = await _two_dead(store, "redrive-one")
    assert await store.redrive(writer.address, "never") == 0
    assert await store.redrive(writer.address, "b") == 1
    found = await writer.load()
    assert [x.id for x in found.letters] == ["b"] and found.dead == 1
    assert [d.letter.id for d in await store.dead(writer.address, 0, 10)] == ["a"]
    assert await store.outcome(writer.address, "client", "me", "a") is not None


@port_case("15", "numbers of letters never return")
async def store_park_numbers(store: Store) -> None:
    writer = CommitWriter(store, "numbers")
    seen = 0
    for i in range(6):
        one = await store.park(writer.address, letter(f"x{i}"), MANY, 1.0)
        assert one.n > seen
        seen = one.n
        if i == 3:
            await writer.write(destroy=True)
        else:
            await writer.write(state=STATE, consumed=one.n)


@port_case("records", "a snapshot brings the oldest letters and tells how many there are")
async def store_park_many(store: Store) -> None:
    writer = CommitWriter(store, "park-many")
    count = LETTERS + 5
    await gather(*(store.park(writer.address, letter(f"x{i}", args=ARGS), MANY, 1.0) for i in range(count)))
    found = await writer.load()
    whole = list(await store.parked(writer.address, 0, MANY))
    assert found.waiting == count == len(whole) == len({x.id for x in whole})
    assert list(found.letters) == whole[:LETTERS]


@port_case("15", "dead letters are purged, one or all, and counted; a redriven one is not")
async def store_purge(store: Store) -> None:
    writer = CommitWriter(store, "purge")
    assert await store.purge(writer.address, None) == 0, "there was none"
    graves = tuple(DeadLetter(letter(f"x{i}", attempts=5), b'{"code":"x"}', 7.0) for i in range(5))
    await writer.write(state=STATE, dead=graves)
    assert await store.purge(writer.address, "x1") == 1 and await store.purge(writer.address, "x1") == 0
    assert (await writer.load()).dead == 4
    assert await store.redrive(writer.address, "x2") == 1
    assert await store.purge(writer.address, None) == 3
    assert not await store.dead(writer.address, 0, 10) and (await writer.load()).dead == 0
    assert [x.id for x in await store.parked(writer.address, 0, 10)] == ["x2"]
    await writer.write(dead=graves[:1])
    assert (await writer.load()).dead == 1
