"""Streams of jobs in a store: rows at offsets that must be free, kept beyond the job's end."""

from __future__ import annotations

from asyncio import gather

from roost.contract.errors import Fenced
from roost.contract.job import Claim
from roost.contract.stream import FOLLOWERS, Entry, Follower, StreamLine, read, write
from roost.ports import Store

from .case import journal_case
from .commit_writer import START, refused
from .job_writer import JobWriter


def row(claim: Claim, first: int, *items: bytes) -> StreamLine:
    entries = [Entry(claim.number, first + n, "item", "text", "1/0/1", item) for n, item in enumerate(items)]
    return StreamLine(first, first + len(items) - 1, claim.number, write(entries, ((1, 2),)))


async def offsets(writer: JobWriter, uid: str, after: int = 0) -> list[tuple[int, int]]:
    return [(line.first, line.last) for line in await writer.journal.streamed(writer.address, uid, after)]


@journal_case("rows of a stream are read from any offset on, the one that holds it first; beyond all there is the last")
async def journal_stream_rows(store: Store) -> None:
    writer = JobWriter(store, "stream")
    uid = await writer.start()
    assert await offsets(writer, uid) == []
    claim = (await writer.claim(uid)).claim
    version = (await writer.load()).version
    lines = [row(claim, 1, b'"a"', b"2"), row(claim, 3, b"[3]"), row(claim, 4, b'"\xc3\xa9"', b"5", b"6" * 70_000)]
    for line in lines:
        assert await writer.journal.stream(claim, line, ())
    assert await writer.journal.streamed(writer.address, uid, 0) == lines
    assert [entry.data for entry in read(lines[2]).entries] == [b'"\xc3\xa9"', b"5", b"6" * 70_000]
    for after in range(9):
        want = [(x.first, x.last) for x in lines if x.last > after] or [(4, 6)]
        assert await offsets(writer, uid, after) == want, after
    assert len(await writer.journal.streamed(writer.address, uid, 0, 2)) == 2
    assert await writer.journal.stream(claim, lines[1], ())  # its own, once more
    assert await writer.journal.stream(claim, row(claim, 7, b"7"), (1, 3))
    assert await offsets(writer, uid) == [(4, 6), (7, 7)]
    assert (await writer.load()).version == version and await writer.job(uid) is not None
    other = await writer.start()
    assert await offsets(writer, other) == []


@journal_case("a page of a stream's rows has about 1 MiB, and one row at least")
async def journal_stream_pages(store: Store) -> None:
    writer = JobWriter(store, "stream-page")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    for n in range(1, 7):
        assert await writer.journal.stream(claim, row(claim, n, b'"%b"' % (b"x" * 250_000)), ())
    found: list[int] = []
    while page := [x for x in await writer.journal.streamed(writer.address, uid, len(found)) if x.last > len(found)]:
        assert len(page) <= 5
        found += [x.first for x in page]
    assert found == [1, 2, 3, 4, 5, 6]


@journal_case("a batch of an executor that lost the job finds its place taken")
async def journal_race_streams(store: Store) -> None:
    writer = JobWriter(store, "stream-fence")
    uid = await writer.start()
    old = (await writer.claim(uid)).claim
    assert await writer.journal.stream(old, row(old, 1, b"1"), ())
    new = (await writer.claim(uid, "two", START + 100.0)).claim
    assert await writer.journal.stream(new, row(new, 2, b"2"), ())
    assert not await writer.journal.stream(old, row(old, 2, b"9"), ())
    assert await writer.journal.stream(old, row(old, 1, b"1"), ())  # it was written, and still is
    many = await gather(*(writer.journal.stream(x, row(x, 3, b"%d" % x.number), ()) for x in (old, new)))
    assert sorted(many) == [False, True]
    assert [line.claim for line in await writer.journal.streamed(writer.address, uid, 0)][:2] == [1, 2]


@journal_case("what a job said is read beyond its end; nothing is added behind its last row, nor in another life")
async def journal_stream_end(store: Store) -> None:
    writer = JobWriter(store, "stream-end")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    line = row(claim, 1, b"1")
    assert await writer.journal.stream(claim, line, ())
    assert await writer.journal.append(claim, 1, b"x", ended=START)
    await refused(Fenced, writer.journal.stream(claim, row(claim, 2, b"2"), ()))
    await writer.end(uid)
    await refused(Fenced, writer.journal.stream(claim, row(claim, 3, b"3"), ()))
    assert await writer.journal.streamed(writer.address, uid, 0) == [line]
    late = await writer.start()
    claim = (await writer.claim(late)).claim
    assert await writer.journal.stream(claim, row(claim, 1, b"1"), ())
    await writer.write(destroy=True)
    await refused(Fenced, writer.journal.stream(claim, row(claim, 2, b"2"), ()))
    assert await offsets(writer, uid) == [] and await offsets(writer, late) == []


@journal_case("who follows a live job is kept once, the newest of too many; its end and the agent's take them away")
async def journal_followers(store: Store) -> None:
    writer = JobWriter(store, "followers")
    uid, other = await writer.start(), await writer.start()
    journal, address = writer.journal, writer.address
    one = Follower("c\u00ef/#1", "text", "1.5", START, START + 60.0)
    two = Follower("c2", "text", "", START + 1.0)
    for follower in (one, two, one):
        await journal.follow(address, uid, follower)
    assert list(await journal.followers(address, uid)) == [one, two]
    assert list(await journal.followers(address, other)) == []
    later = Follower(one.cid, "text", "1.9", START + 2.0)
    await journal.follow(address, uid, later)
    await journal.follow(address, uid, Follower("c2", "more", "", START + 3.0))
    assert [x.after for x in await journal.followers(address, uid)] == ["", "1.9", ""]
    await journal.unfollow(address, uid, "c2", "text")
    await journal.unfollow(address, uid, "c2", "never")
    assert [(x.cid, x.name) for x in await journal.followers(address, uid)] == [(one.cid, "text"), ("c2", "more")]
    for n in range(FOLLOWERS):
        await journal.follow(address, other, Follower(f"c{n}", "text", "", START + n))
    await journal.follow(address, other, Follower("new", "text", "", START + FOLLOWERS))
    assert [x.cid for x in await journal.followers(address, other)] == [*(f"c{n}" for n in range(1, FOLLOWERS)), "new"]
    await writer.end(uid)
    await journal.follow(address, uid, one)
    assert list(await journal.followers(address, uid)) == []
    await writer.write(destroy=True)
    assert list(await journal.followers(address, other)) == []
