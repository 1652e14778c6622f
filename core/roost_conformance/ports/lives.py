"""Birth, death, moving: tombstones, generations, imports."""

from __future__ import annotations

from asyncio import gather
from dataclasses import replace

from roost.contract.commit import AlreadyHandled, Committed, DeadLetter, Entry, Letter, Put
from roost.contract.errors import Conflict, Rejected
from roost.ports import Store

from .case import port_case
from .commit_writer import START, STATE, CommitWriter, effects, envelope, handled, letter, refused, schedule


@port_case("28", "destroy leaves a tombstone and the envelopes under way, nothing else")
async def store_destroy(store: Store) -> None:
    writer = CommitWriter(store, "destroy")
    await writer.write(**effects(writer, "one"), state_version=3)
    await writer.write(**effects(writer, "two"))
    await store.park(writer.address, letter("p"), 10, 1.0)
    last = envelope("last", writer.address)
    before = await writer.load()
    commit = await writer.write(destroy=True, outbox=(last,), armed=12.5, released=2, handled=handled("bye"))
    found = await writer.all()
    one = found.snapshot
    assert (one.generation, one.version, one.at, one.released) == (2, commit.version, commit.at, 2)
    assert one.outbox == (*before.outbox, last) and (one.due, one.armed) == (None, 12.5)
    assert not one.exists and one.state_version == 1 and (one.seq, one.sgen) == (0, 0)
    assert (one.schedules, one.connections, one.letters, one.waiting, one.dead) == ((), (), (), 0, 0)
    assert (found.kv, found.log, found.first, found.letters, found.dead) == ((), (), 1, (), ())
    for id in ("h-one", "h-two", "bye"):
        assert await store.outcome(writer.address, "client", "me", id) is None
    await store.settle(writer.address, [x.id for x in one.outbox], None)
    assert (await writer.load()).outbox == () and (await writer.load()).armed is None


@port_case("28", "destroy of another base is refused; of an id already handled answered")
async def store_destroy_refused(store: Store) -> None:
    writer = CommitWriter(store, "destroy-no")
    row = handled("id")
    await writer.write(**{**effects(writer, "one"), "handled": row})
    before = await writer.all()
    await refused(Conflict, store.commit(writer.draft(destroy=True, base=0)))
    await refused(Conflict, store.commit(writer.draft(destroy=True, generation=2)))
    assert await store.commit(writer.draft(destroy=True, handled=handled("id"))) == AlreadyHandled(row)
    assert await writer.all() == before


@port_case("29", "a destroy that knows the letters is refused when others wait, and nothing is written")
async def store_destroy_knowing(store: Store) -> None:
    writer = CommitWriter(store, "destroy-knowing")
    await writer.write(**effects(writer, "one"))
    await store.park(writer.address, letter("p"), 10, 1.0)
    other = await store.park(writer.address, letter("o", keyed=False), 10, 1.0)
    before = await writer.all()
    for waiting in (0, 1, 3):
        error = await refused(Rejected, store.commit(writer.draft(destroy=True, waiting=waiting)))
        assert (error.status, error.code) == (409, "changed")
    await refused(Conflict, store.commit(writer.draft(destroy=True, waiting=2, base=0)))
    assert await writer.all() == before
    await writer.write(consumed=other.n)
    await writer.write(destroy=True, waiting=1)
    found = await writer.load()
    assert (found.generation, found.exists, found.waiting) == (2, False, 0)
    await writer.write(state=STATE)
    await writer.write(destroy=True, waiting=0)


@port_case("29", "of a letter and a destroy that knows of none, at once, one wins: no letter is lost")
async def store_destroy_race(store: Store) -> None:
    for n in range(12):
        writer = CommitWriter(store, "destroy-race", f"k{n:02}")
        await writer.write(state=STATE)
        draft = writer.draft(destroy=True, waiting=0)
        work = (store.commit(draft), store.park(writer.address, letter("p"), 10, 1.0))
        if n % 2:
            parked, answer = await gather(work[1], work[0], return_exceptions=True)
        else:
            answer, parked = await gather(*work, return_exceptions=True)
        assert isinstance(parked, Letter), parked
        found = await writer.load()
        assert [x.id for x in found.letters] == ["p"], f"the letter is lost: {answer}"
        if answer == Committed(draft.version):
            assert (found.generation, found.exists) == (2, False)
        else:
            assert isinstance(answer, (Rejected, Conflict)) and found.exists, answer


@port_case("28", "a fresh start: the next generation, the version goes on, old keys are forgotten")
async def store_generations(store: Store) -> None:
    writer = CommitWriter(store, "generations")
    for generation in (1, 2, 3):
        await writer.write(
            state=STATE, handled=handled("same"), kv=(Put("k", b"%d" % generation),), log=writer.entries("a")
        )
        found = await writer.load()
        assert (found.generation, found.seq, found.exists) == (generation, 1, True)
        assert await store.get(writer.address, ["k"]) == {"k": b"%d" % generation}
        await writer.write(destroy=True)
        stale = writer.draft(state=STATE, generation=generation)
        await refused(Conflict, store.commit(stale))
    assert (await writer.load()).version == 6


@port_case("28", "destroying what was never made leaves a tombstone too")
async def store_destroy_never_made(store: Store) -> None:
    writer = CommitWriter(store, "destroy-never")
    await writer.write(destroy=True)
    found = await writer.load()
    assert (found.generation, found.version, found.exists) == (2, 1, False)


async def _restore(writer: CommitWriter, version: int) -> None:
    entries = tuple(Entry(seq, "a", b"%d" % seq, 5.0) for seq in range(41, 53))
    commit = writer.draft(
        restored=True, version=version, state=b'{"moved":1}', state_version=2, log=entries, seq=52, sgen=1,
        kv=tuple(Put(f"k{i:03}", b"%d" % i) for i in range(300)), schedules=(schedule("s", 9.5),), next_due=9.5,
        armed=9.5, dead=(DeadLetter(letter("d", attempts=3), b"{}", 4.0),), released=version,
    )  # fmt: skip
    await writer.store.commit(commit)
    writer.follow(commit)
    found = await writer.all()
    assert found.snapshot.version == version and found.snapshot.state == b'{"moved":1}' and found.snapshot.seq == 52
    assert found.snapshot.generation == writer.generation and found.snapshot.state_version == 2
    assert found.snapshot.schedules == (schedule("s", 9.5),) and found.snapshot.armed == 9.5
    assert found.log == entries and found.first == 41
    assert len(found.kv) == 300 and found.kv[7] == ("k007", b"7")
    assert [replace(d, n=0) for d in found.dead] == [DeadLetter(letter("d", attempts=3), b"{}", 4.0)]
    await writer.write(log=writer.entries("b"))
    log, first = await writer.store.log(writer.address, 0, frozenset(), 100)
    assert [e.seq for e in log] == list(range(41, 54)) and first == 41


@port_case("29", "an import makes an agent whole, whatever the limits of one commit")
async def store_restore(store: Store) -> None:
    await _restore(CommitWriter(store, "restore"), 77)


@port_case("29", "an import goes on above a tombstone")
async def store_restore_over_tombstone(store: Store) -> None:
    writer = CommitWriter(store, "restore-over")
    await writer.write(**effects(writer, "one"))
    await writer.write(destroy=True)
    await _restore(writer, 90)


@port_case("29", "an import over an agent that exists is refused")
async def store_restore_refused(store: Store) -> None:
    writer = CommitWriter(store, "restore-no")
    await writer.write(**effects(writer, "one"))
    before = await writer.all()
    await refused(Conflict, store.commit(writer.draft(restored=True, state=b"2", kv=(Put("x", b"1"),), version=50)))
    assert await writer.all() == before


async def _bring(writer: CommitWriter, many: int) -> None:
    """Letters come with the import, in order, behind what waits; the next one that is parked comes behind them."""
    before = await writer.store.park(writer.address, letter("before"), 10_000, 1.0)
    letters = (
        letter("late", next=START + 500.0, attempts=3, claims=b'{"a":1}', lane="urgent", internal=True, source="agent"),
        letter("loose", keyed=False),
        *(letter(f"x{i}") for i in range(many)),
    )
    commit = writer.draft(
        restored=True, version=writer.version + 40, state=b"1", letters=letters, next_due=START + 500.0
    )
    await writer.store.commit(commit)
    writer.follow(commit)
    after = await writer.store.park(writer.address, letter("after"), 10_000, 1.0)
    found = list(await writer.store.parked(writer.address, 0, 5000))
    assert [x.id for x in found] == ["before", *(x.id for x in letters), "after"]
    assert [replace(x, n=0) for x in found[1:-1]] == list(letters)
    assert [x.n for x in found] == sorted({x.n for x in found}) and (found[0].n, found[-1].n) == (before.n, after.n)
    assert (await writer.load()).waiting == len(found) == len(letters) + 2
    again = await writer.store.park(writer.address, letter("late", source="agent"), 10_000, 1.0)
    assert again.n == found[1].n, "its id was not known: it waits twice"
    await writer.write(consumed=found[1].n)
    assert (await writer.load()).waiting == len(found) - 1
    await writer.write(destroy=True)
    assert not await writer.store.parked(writer.address, 0, 10)


@port_case("29", "an import brings the letters that waited: order, ids, attempts, times, callers")
async def store_restore_letters(store: Store) -> None:
    await _bring(CommitWriter(store, "restore-letters"), 3)


@port_case("29", "an import brings more letters than fit one transaction, over a tombstone")
async def store_restore_many_letters(store: Store) -> None:
    writer = CommitWriter(store, "restore-many")
    await writer.write(**effects(writer, "one"))
    await writer.write(destroy=True)
    await _bring(writer, 150)
