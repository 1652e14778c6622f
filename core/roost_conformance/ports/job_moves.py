"""Jobs that an import brings are as they were; an export holds them; a destruction that saw them finds them so."""

from __future__ import annotations

from dataclasses import replace

from roost.contract.errors import Conflict, Rejected
from roost.contract.job import Claimed, EndedJob, Job, JobKept, JobMoved, JournalLine, LiveJob, mark
from roost.ports import Store

from .case import journal_case
from .commit_writer import START, STATE, CommitWriter, handled, refused
from .job_writer import JobWriter, question, signal

LARGE = b"\xff" * 900_000


def live(uid: str, **changes: object) -> LiveJob:
    return replace(LiveJob(uid, None, "work", bytes(range(16)), 5.0, START + 100_000.0, "client", "me"), **changes)  # type: ignore[arg-type]


@journal_case("an import brings live jobs with their rows, notes and questions, and what others came to")
async def journal_moved(store: Store) -> None:
    writer = JobWriter(store, "moved")
    told = signal("answered", kind="answer", name="q-2", n=3)
    asked = (question("q-1"), replace(question("q-2"), asked=START + 1.0, closed=START + 9.0, answer=told))
    busy = JobMoved(
        Job(live("7.1", key="k"), run=3, base=40, claim=9, bell=5),
        b'{"args":[3]}',
        (JournalLine(41, 8, b"small"), JournalLine(42, 9, LARGE), JournalLine(43, 9, b"")),
        (signal("s-1", n=4), signal("s-2", n=5)), (signal("taken", data=b"null"),), asked,
    )  # fmt: skip
    held = JobMoved(Job(live("7.2"), claim=1, held=True), b"{" + b" " * 5000 + b"}")
    over = JobMoved(Job(live("8.1"), claim=2, ended=START + 3.0), b"{}", (JournalLine(1, 2, b"the last"),))
    ends = [EndedJob(live(f"3.{n}"), START - n, b'{"value":%d}' % n) for n in range(3)]
    own = str(writer.address)
    did = [handled(f"{own}/job:7.1/3/0/{n}", b"%d" % n, source="agent", principal=own) for n in range(2)]
    did += [handled(f"{own}/job:7.1/3/{'0.' * 500}/1", source="agent", principal=own)]
    await writer.write(
        restored=True, version=50, state=STATE, jobs=(busy, held, over, *map(JobKept, reversed(ends))), inbox=tuple(did)
    )
    own_row = handled("other", source="agent", principal=own)
    await writer.write(handled=own_row)
    due = START + 1.0
    want = [replace(one.job, due=due) for one in (busy, held, over)]
    assert await writer.journal.jobs(writer.address) == want
    assert (await writer.load()).jobs == tuple(one.job.live for one in (busy, held, over))
    assert await writer.journal.due(writer.address) == due
    assert await writer.journal.ended(writer.address, 10) == ends
    assert await writer.journal.job(writer.address, "3.1") == ends[1]
    for one in (busy, held, over):
        found, after = list[JournalLine](), one.job.base
        while page := await writer.journal.rows(writer.address, one.job.live.uid, after):
            found, after = [*found, *page], page[-1].position
        assert tuple(found) == one.lines
    assert await writer.journal.notes(writer.address, "7.1") == list(busy.notes)
    assert await writer.journal.questions(writer.address, "7.1") == list(asked)
    for again in ("taken", "s-1"):
        assert not (await writer.journal.ring(writer.address, "7.1", signal(again), START)).fresh
    assert len(await writer.journal.notes(writer.address, "7.1")) == 2
    claimed = await writer.claim("7.1", now=START + 2.0)
    assert (claimed.claim.number, claimed.job.run, claimed.args) == (10, 3, busy.args)
    await writer.append(claimed.claim, b"on", after=43)
    await writer.journal.taken(claimed.claim, ["s-1"])
    assert [note.id for note in await writer.journal.notes(writer.address, "7.1")] == ["s-2"]
    assert (await writer.claim("7.2", now=START + 2.0)).args == held.args
    done = await writer.store.handled(writer.address, f"{own}/job:")
    assert sorted(done, key=lambda x: x.id) == sorted(did, key=lambda x: x.id)
    assert await writer.store.handled(writer.address, f"{own}/job:7.1/3/0/1") == [did[1]]


@journal_case("an import of more than one transaction takes brings its jobs")
async def journal_moved_many(store: Store) -> None:
    writer = JobWriter(store, "moved-many")
    lines = tuple(JournalLine(n, 1, b"%d" % n) for n in range(1, 151))
    jobs = tuple(JobMoved(Job(live(f"2.{i}"), claim=1), b"{}", lines) for i in range(1, 4))
    await writer.write(restored=True, version=9, state=STATE, jobs=jobs)
    for one in jobs:
        assert await writer.data(one.job.live.uid) == [line.data for line in lines]
    await refused(Conflict, store.commit(writer.draft(restored=True, state=STATE, jobs=jobs)))
    large = JobMoved(Job(live("2.4"), claim=1), b"{}", tuple(JournalLine(n, 1, LARGE) for n in range(1, 7)))
    other = JobWriter(store, "moved-large")
    await other.write(restored=True, version=9, state=STATE, jobs=(large,))
    assert await other.data("2.4") == [LARGE] * 6


@journal_case("an export holds a job until a time: then it is due, whoever rings before; one held by hand stays so")
async def journal_held_until(store: Store) -> None:
    writer = JobWriter(store, "held-until")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    assert await writer.journal.let_go(claim, 0, START + 20.0)
    until = START + 600.0
    await writer.journal.hold(writer.address, uid, True, START + 1.0, until)
    job = await writer.job(uid)
    assert (job.held, job.held_until, job.due, job.bell) == (False, until, until, 1)
    await writer.journal.ring(writer.address, uid, signal("s"), START + 2.0)
    assert await writer.journal.due(writer.address) == until
    await writer.journal.hold(writer.address, uid, False, START + 3.0)
    job = await writer.job(uid)
    assert (job.held, job.held_until, job.due) == (False, 0.0, START + 3.0)
    claim = (await writer.claim(uid, now=START + 4.0)).claim
    await writer.journal.hold(writer.address, uid, True, START + 5.0, until)
    assert (await writer.job(uid)).due == START + 34.0, "the claim's end"
    assert await writer.journal.let_go(claim, None, until)
    await writer.journal.hold(writer.address, uid, True, START + 6.0)
    job = await writer.job(uid)
    assert (job.held, job.held_until) == (True, 0.0) and await writer.journal.due(writer.address) is None


@journal_case("a destruction that names its jobs is refused once one was claimed, told something, or began")
async def journal_seen(store: Store) -> None:
    writer = JobWriter(store, "seen")
    one, two = await writer.start(), await writer.start()

    async def seen() -> None:
        marks = tuple(mark(job) for job in await writer.journal.jobs(writer.address))
        await writer.write(destroy=True, jobs_seen=marks)

    marks = tuple(mark(job) for job in await writer.journal.jobs(writer.address))
    assert len(marks) == 2
    claimed = await writer.claim(one)
    assert isinstance(claimed, Claimed)
    await refused(Rejected, store.commit(writer.draft(destroy=True, jobs_seen=marks)))
    marks = tuple(mark(job) for job in await writer.journal.jobs(writer.address))
    await writer.journal.ring(writer.address, two, signal("s"), START)
    for wrong in (marks, marks[:1], ()):
        await refused(Rejected, store.commit(writer.draft(destroy=True, jobs_seen=wrong)))
    assert len((await writer.load()).jobs) == 2
    await seen()
    assert not (await writer.load()).exists and await writer.journal.jobs(writer.address) == []
    never = CommitWriter(store, "seen-none")
    await never.write(state=STATE)
    await refused(Rejected, store.commit(never.draft(destroy=True, jobs_seen=marks)))
    await never.write(destroy=True, jobs_seen=())
