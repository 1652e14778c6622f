"""The rows of a journal: dense positions are the fence, claims only keep executors apart."""

from __future__ import annotations

from asyncio import gather
from dataclasses import replace

from roost.contract.errors import Fenced, LimitExceeded
from roost.contract.job import JOURNAL_BYTES, ROW_BYTES, ROWS, Claimed, JournalLine
from roost.ports import Store

from .bells import closed
from .case import journal_case
from .commit_writer import START, refused
from .job_writer import JobWriter, answer, question, signal


@journal_case("one owner at a time; the claim ends by the clock of whoever asks; each has the next number")
async def journal_claim(store: Store) -> None:
    writer = JobWriter(store, "claim")
    uid = await writer.start()
    one = await writer.claim(uid, "one", START)
    assert one.claim.number == 1 and one.job == await writer.job(uid)
    assert (one.job.owner, one.job.until, one.job.due) == ("one", START + 30.0, START + 30.0)
    assert await writer.busy(uid, "two", START + 29.9) == START + 30.0
    assert await writer.busy(uid, "two", START - 500.0) == START + 30.0, "a clock that is slow only waits longer"
    renewed = await writer.journal.renew(one.claim, START + 10.0, START + 40.0)
    assert renewed == replace(one.job, until=START + 40.0, due=START + 40.0) == await writer.job(uid)
    assert await writer.busy(uid, "two", START + 39.9) == START + 40.0
    again = await writer.claim(uid, "one", START + 11.0)
    assert again.claim.number == 2, "an owner claims anew what it has"
    await refused(Fenced, writer.journal.renew(one.claim, START + 12.0, START + 42.0))
    fast = await writer.claim(uid, "two", START + 9000.0)
    assert fast.claim.number == 3
    await refused(Fenced, writer.journal.renew(again.claim, START + 12.0, START + 42.0))
    await refused(Fenced, writer.journal.let_go(again.claim, None, None))
    assert await writer.job(uid) == fast.job
    assert await writer.journal.let_go(fast.claim, 0, None)
    await refused(Fenced, writer.journal.renew(fast.claim, START + 13.0, START + 43.0))
    assert await writer.journal.let_go(fast.claim, 7, START), "once more: its answer was lost"
    free = await writer.job(uid)
    assert (free.owner, free.until, free.due, free.claim) == ("", 0.0, None, 3)
    assert (await writer.claim(uid, "three", START)).claim.number == 4
    await refused(Fenced, writer.journal.let_go(fast.claim, None, None))


@journal_case("a claim that ran out is renewed as long as nobody took the job; a host that is alone takes it at once")
async def journal_claim_sole(store: Store) -> None:
    writer = JobWriter(store, "sole")
    uid = await writer.start()
    one = await writer.claim(uid, "boot-1", START)
    late = await writer.journal.renew(one.claim, START + 500.0, START + 530.0)
    assert late.until == START + 530.0
    assert await writer.busy(uid, "boot-2", START + 501.0) == START + 530.0
    two = await writer.journal.claim(writer.address, uid, "boot-2", START + 501.0, START + 531.0, True)
    assert isinstance(two, Claimed) and (two.claim.number, two.job) == (2, await writer.job(uid))
    await refused(Fenced, writer.journal.renew(one.claim, START + 502.0, START + 532.0))


@journal_case("rows stand where they were put, and only where nothing was; the agent's version stays")
async def journal_append(store: Store) -> None:
    writer = JobWriter(store, "append")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    before = await writer.all()
    rows = [b"", b"\x00\xff\x00", "\u00e9\U0001f600".encode(), b"x" * 5000]
    await writer.append(claim, *rows)
    assert await writer.journal.rows(writer.address, uid, 2) == [JournalLine(3, 1, rows[2]), JournalLine(4, 1, rows[3])]
    assert await writer.data(uid) == rows
    assert await writer.journal.rows(writer.address, uid, 0, 2) == [JournalLine(1, 1, b""), JournalLine(2, 1, rows[1])]
    assert await writer.journal.append(claim, 4, rows[3]), "the same again: its answer was lost"
    assert await writer.data(uid) == rows and list(await writer.journal.rows(writer.address, uid, 4)) == []
    assert await writer.all() == before
    await writer.write(state=b"2")
    await writer.append(claim, b"5", after=4)


@journal_case("takeover: whoever had the job before finds its position taken, and changes nothing")
async def journal_fence(store: Store) -> None:
    writer = JobWriter(store, "fence")
    uid = await writer.start()
    old = (await writer.claim(uid, "old", START)).claim
    await writer.append(old, b"claim-old", b"value-old")
    new = (await writer.claim(uid, "new", START + 31.0)).claim
    await writer.append(new, b"claim-new", after=2)
    assert not await writer.journal.append(old, 3, b"value-late")
    assert not await writer.journal.append(old, 3, b"claim-new"), "the same bytes are not the same row"
    assert await writer.data(uid) == [b"claim-old", b"value-old", b"claim-new"]
    assert [line.claim for line in await writer.journal.rows(writer.address, uid, 0)] == [1, 1, 2]
    await refused(Fenced, writer.journal.renew(old, START + 32.0, START + 62.0))


@journal_case(
    "before the new one's first row the old one may still write: the new one finds that, reads it and goes on"
)
async def journal_fence_late(store: Store) -> None:
    writer = JobWriter(store, "fence-late")
    uid = await writer.start()
    old = (await writer.claim(uid, "old", START)).claim
    await writer.append(old, b"claim-old")
    new = (await writer.claim(uid, "new", START + 31.0)).claim
    assert await writer.data(uid) == [b"claim-old"]
    assert await writer.journal.append(old, 2, b"value-old")
    assert not await writer.journal.append(new, 2, b"claim-new")
    assert await writer.data(uid, 1) == [b"value-old"]
    assert await writer.journal.append(new, 3, b"claim-new")
    assert not await writer.journal.append(old, 3, b"late")
    assert await writer.data(uid) == [b"claim-old", b"value-old", b"claim-new"]


@journal_case("results of 1 MiB are read as they were written, a page at a time; larger ones are refused by name")
async def journal_large(store: Store) -> None:
    writer = JobWriter(store, "large")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    rows = [b"\x01\xff" * (ROW_BYTES // 2) + b"{}", b"small", b"y" * 300_000, b"z" * 400_000, b"end"]
    await writer.append(claim, *rows)
    assert await writer.data(uid) == rows
    assert [line.data for line in await writer.journal.rows(writer.address, uid, 0, 1)] == rows[:1]
    assert await writer.journal.append(claim, 4, rows[3])
    other = (await writer.claim(uid, "two", START + 31.0)).claim
    assert not await writer.journal.append(other, 4, b"w" * 400_000)
    assert await writer.data(uid) == rows
    error = await refused(LimitExceeded, writer.journal.append(other, 6, b"w" * (ROW_BYTES + 65 * 1024)))
    assert error.code == "limit-job-row" and await writer.data(uid) == rows
    assert await writer.journal.append(other, 6, b"last")


@journal_case("8 MiB are read back whole; positions are in the order of their numbers up to the 2,000th and beyond")
async def journal_long(store: Store) -> None:
    writer = JobWriter(store, "long")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    part = 340_000
    rows = [b"%04d" % n + b"x" * part for n in range(1, JOURNAL_BYTES // part + 1)]
    assert all(await gather(*(writer.journal.append(claim, n, data) for n, data in enumerate(rows, 1))))
    assert await writer.data(uid) == rows
    places = [99, 100, 999, 1000, ROWS - 1, ROWS, 10 * ROWS]
    for position in reversed(places):
        assert await writer.journal.append(claim, position, b"%d" % position)
    found = list(await writer.journal.rows(writer.address, uid, len(rows)))
    while len(found) < len(places) and (page := await writer.journal.rows(writer.address, uid, found[-1].position)):
        found += page
    assert [line.position for line in found] == places


@journal_case("the last row closes the job to whoever rings; the job lives until a commit ends it")
async def journal_ended(store: Store) -> None:
    writer = JobWriter(store, "ended")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    await writer.append(claim, b"claim")
    await writer.journal.ask(claim, question("q"))
    assert await writer.journal.append(claim, 2, b"ended", ended=START + 5.0)
    assert await writer.journal.append(claim, 2, b"ended", ended=START + 5.0), "its answer was lost"
    job = await writer.job(uid)
    assert job.ended == START + 5.0 and job.bell == 0 and len((await writer.load()).jobs) == 1
    for ring in (
        writer.journal.ring(writer.address, uid, signal("s"), START),
        writer.journal.ring(writer.address, uid, signal("c", kind="cancel"), START),
        writer.journal.ring(writer.address, uid, answer("q", "a"), START),
        writer.journal.ring(writer.address, uid, None, START),
        writer.journal.hold(writer.address, uid, True, START),
    ):
        await closed(ring)
    assert await writer.journal.let_go(claim, 0, START + 10.0)
    assert await writer.journal.due(writer.address) == START + 10.0
    late = (await writer.claim(uid, "two")).claim
    assert not await writer.journal.append(late, 2, b"other", ended=START + 6.0)
    assert (await writer.job(uid)).ended == START + 5.0
    await writer.end(uid)
    await closed(writer.journal.ring(writer.address, uid, signal("s"), START))


@journal_case("again: one row begins the next run with its own arguments; what was not taken waits on")
async def journal_again(store: Store) -> None:
    writer = JobWriter(store, "again")
    uid = await writer.start(b"first")
    claim = (await writer.claim(uid)).claim
    await writer.append(claim, b"1", b"2" * 500_000, b"3")
    for id in ("s1", "s2"):
        await writer.journal.ring(writer.address, uid, signal(id), START)
    await writer.journal.taken(claim, ["s1"])
    await writer.journal.ask(claim, question("q"))
    assert await writer.journal.append(claim, 4, b"again", again=b"second" * 20_000)
    assert await writer.journal.append(claim, 4, b"again", again=b"second" * 20_000)
    job = await writer.job(uid)
    assert (job.run, job.base, job.bell, job.claim) == (2, 4, 2, 1)
    assert [note.id for note in await writer.journal.notes(writer.address, uid)] == ["s2"]
    assert list(await writer.journal.questions(writer.address, uid)) == []
    assert not await writer.journal.append((await writer.claim(uid, "old", START + 31.0)).claim, 4, b"late")
    await writer.append(claim, b"5", after=4)
    assert await writer.data(uid, job.base) == [b"5"]
    taken = await writer.claim(uid, "two", START + 99.0)
    assert taken.args == b"second" * 20_000 and (taken.job.run, taken.job.base) == (2, 4)
    assert not (await writer.journal.ring(writer.address, uid, signal("s2"), START)).fresh
