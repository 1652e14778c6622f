"""Many at once: agents don't wait for, see or harm each other; of two writers of one agent, one wins."""

from __future__ import annotations

from asyncio import gather

from roost.contract.commit import AlreadyHandled, Committed
from roost.contract.errors import Conflict
from roost.ports import Store

from .case import port_case
from .commit_writer import STATE, CommitWriter, effects, handled, letter


@port_case("9", "64 tasks commit to 64 agents, and all of it is there")
async def store_race_agents(store: Store) -> None:
    writers = [CommitWriter(store, "crowd", f"k{n:02}") for n in range(64)]

    async def work(writer: CommitWriter, n: int) -> None:
        for i in range(8):
            await writer.write(state=b"%d" % (n * 100 + i), log=writer.entries("a"), handled=handled(f"{i}", b"%d" % n))

    await gather(*(work(writer, n) for n, writer in enumerate(writers)))
    for n, writer in enumerate(writers):
        found = await writer.all()
        assert found.snapshot.state == b"%d" % (n * 100 + 7) and found.snapshot.version == 8
        assert [e.seq for e in found.log] == list(range(1, 9))
        outcome = await store.outcome(writer.address, "client", "me", "7")
        assert outcome is not None and outcome.value == b"%d" % n


@port_case("records", "two commits from one base at once: exactly one wins, whole")
async def store_race_base(store: Store) -> None:
    writers = [CommitWriter(store, "duel", f"k{n}") for n in range(8)]
    for writer in writers:
        await writer.write(state=STATE)
    marks = ["a", "b", "c"]
    drafts = [writer.draft(**effects(writer, mark)) for writer in writers for mark in marks]
    answers = await gather(*(store.commit(d) for d in drafts), return_exceptions=True)
    for i, writer in enumerate(writers):
        mine = answers[3 * i : 3 * i + 3]
        won = [mark for mark, answer in zip(marks, mine, strict=True) if answer == Committed(2)]
        assert len(won) == 1 and sum(isinstance(a, Conflict) for a in mine) == 2, mine
        found = await writer.all()
        assert found.snapshot.state == b'{"mark":"%s"}' % won[0].encode()
        assert [k for k, _ in found.kv] == [f"k-{won[0]}"] and [e.kind for e in found.log] == [f"l-{won[0]}"]
        assert [s.key for s in found.snapshot.schedules] == [f"s-{won[0]}"]


@port_case("records", "two first commits at once make one agent")
async def store_race_birth(store: Store) -> None:
    writers = [CommitWriter(store, "twins", f"k{n}") for n in range(8)]
    answers = await gather(
        *(store.commit(p.draft(state=b"%d" % i)) for p in writers for i in (0, 1)), return_exceptions=True
    )
    for i, writer in enumerate(writers):
        mine = answers[2 * i : 2 * i + 2]
        assert sum(a == Committed(1) for a in mine) == 1 and sum(isinstance(a, Conflict) for a in mine) == 1, mine
        assert (await writer.load()).state == b"%d" % mine.index(Committed(1))


@port_case("2", "one id twice at once: one runs, the other gets its outcome")
async def store_race_id(store: Store) -> None:
    writer = CommitWriter(store, "same-id")
    await writer.write(state=STATE)
    drafts = [writer.draft(state=b"%d" % i, handled=handled("id", b"%d" % i)) for i in (0, 1)]
    answers = await gather(*(store.commit(d) for d in drafts))
    row = await store.outcome(writer.address, "client", "me", "id")
    assert row is not None and (await writer.load()).state == row.value
    assert sorted(map(type, answers), key=str) == sorted([Committed, AlreadyHandled], key=str)
    assert AlreadyHandled(row) in answers


@port_case("15", "letters parked at once have different numbers; the same id is one letter")
async def store_race_park(store: Store) -> None:
    writer = CommitWriter(store, "letters-at-once")
    found = await gather(*(store.park(writer.address, letter(f"x{i % 20}"), 100, 1.0) for i in range(60)))
    assert len({x.n for x in found}) == 20 and len({(x.n, x.id) for x in found}) == 20
    assert (await writer.load()).waiting == 20


@port_case("15", "a letter parked while a tick commits is not lost, nor is the commit")
async def store_race_park_commit(store: Store) -> None:
    writers = [CommitWriter(store, "beside", f"k{n}") for n in range(16)]
    for writer in writers:
        await writer.write(state=STATE)
    work = [
        w
        for writer in writers
        for w in (store.commit(writer.draft(state=b"2")), store.park(writer.address, letter("x"), 9, 1.0))
    ]
    await gather(*work)
    for writer in writers:
        found = await writer.load()
        assert found.version == 2 and found.state == b"2" and found.waiting == 1


@port_case("records", "addresses that look alike are different agents")
async def store_isolation(store: Store) -> None:
    writers = [
        CommitWriter(store, kind, key)
        for kind, key in (("i", "a-b"), ("i-a", "b"), ("i", "A-B"), ("i", "a-b "), ("i", "a%"))
    ]
    writers += [
        CommitWriter(store, "i", "\u00e9"),
        CommitWriter(store, "i", "e\u0301"),
        CommitWriter(store, "i", "a/b"),
        CommitWriter(store, "i", "a%2Fb"),
    ]
    for n, writer in enumerate(writers):
        await writer.write(**{**effects(writer, f"m{n}"), "state": b"%d" % n})
        await store.park(writer.address, letter(f"x{n}"), 10, 1.0)
    before = [await writer.all() for writer in writers]
    for n, one in enumerate(before):
        assert one.snapshot.state == b"%d" % n and [k for k, _ in one.kv] == [f"k-m{n}"]
        assert [x.id for x in one.letters] == [f"x{n}"] and [d.letter.id for d in one.dead] == [f"d-m{n}"]
    await writers[0].write(destroy=True)
    await store.redrive(writers[1].address, None)
    await store.settle(writers[2].address, ["o-m2", "o-m3"], None)
    assert [await writer.all() for writer in writers[3:]] == before[3:]
