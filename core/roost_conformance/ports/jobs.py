"""Jobs begin and end with a commit; when they are due is nobody's business but theirs."""

from __future__ import annotations

from roost.contract.commit import AlreadyHandled
from roost.contract.errors import Conflict, Fenced, NotFound
from roost.contract.job import LIVE, OUTCOME_BYTES, Claim, EndedJob, Job, JobEnd, JobStart, LiveJob
from roost.ports import Store

from .case import journal_case
from .commit_writer import START, STATE, CommitWriter, effects, handled, letter, refused, schedule
from .job_writer import JobWriter, signal


@journal_case("a job begins with its commit, whole, and due at the commit's time")
async def journal_start(store: Store) -> None:
    writer = JobWriter(store, "start")
    assert await writer.journal.jobs(writer.address) == [] and await writer.journal.due(writer.address) is None
    live = writer.live(
        key="k\u00ef/\U0001f600", name="r\u00e9search", principal="a/b#c", source="agent", deadline=START + 7.5
    )
    commit = await writer.write(**effects(writer, "one"), jobs=(JobStart(live, b"\x00\xff" * 60_000),))
    assert (await writer.load()).jobs == (live,)
    job = Job(live, due=commit.at)
    assert await writer.journal.job(writer.address, live.uid) == job
    assert await writer.journal.jobs(writer.address) == [job]
    assert await writer.journal.due(writer.address) == commit.at
    assert (await writer.claim(live.uid)).args == b"\x00\xff" * 60_000
    assert (await writer.load()).jobs == (live,)


@journal_case("a commit that is refused, or that another run made already, starts and ends nothing")
async def journal_start_refused(store: Store) -> None:
    writer = JobWriter(store, "start-no")
    row = handled("id")
    first = writer.live()
    await writer.write(state=STATE, handled=row, jobs=(JobStart(first, b"[]"),))
    before = await writer.journal.jobs(writer.address)
    start, end = JobStart(writer.live(), b"[]"), JobEnd(first.uid, b"1")
    await refused(Conflict, store.commit(writer.draft(base=0, state=b"2", jobs=(start, end))))
    await refused(Conflict, store.commit(writer.draft(generation=2, state=b"2", jobs=(start, end))))
    again = writer.draft(state=b"2", handled=handled("id"), jobs=(start, end))
    assert await store.commit(again) == AlreadyHandled(row)
    assert await writer.journal.jobs(writer.address) == before and (await writer.load()).jobs == (first,)
    assert await writer.journal.job(writer.address, start.live.uid) is None
    assert await writer.journal.claim(writer.address, start.live.uid, "one", START, START + 30.0) is None


@journal_case("64 live jobs of a kilobyte each come with the snapshot, in the order of their start; ended ones do not")
async def journal_many(store: Store) -> None:
    writer = JobWriter(store, "many")
    lives: list[LiveJob] = []
    for i in range(0, LIVE, 16):
        version = writer.version + 1
        some = [
            writer.live(uid=f"{version}.{n}", key=f"{i + n:03}" + "x" * 397, principal="p" * 500) for n in range(16)
        ]
        await writer.write(state=STATE, jobs=tuple(JobStart(live, b"[]") for live in some))
        lives += some
        assert (await writer.load()).jobs == tuple(lives)
    assert [job.live for job in await writer.journal.jobs(writer.address)] == lives
    ended = [live.uid for live in lives[::2]]
    for i in range(0, len(ended), 16):
        await writer.write(jobs=tuple(JobEnd(uid, b"1") for uid in ended[i : i + 16]))
    assert (await writer.load()).jobs == tuple(lives[1::2])
    assert [job.live for job in await writer.journal.jobs(writer.address)] == lives[1::2]
    await writer.write(jobs=tuple(JobEnd(live.uid, b"1") for live in lives[1::2]))
    assert (await writer.load()).jobs == () and await writer.journal.due(writer.address) is None


@journal_case("a commit ends one job and starts the next under its key")
async def journal_end(store: Store) -> None:
    writer = JobWriter(store, "end")
    one = await writer.start(key="same")
    first = (await writer.load()).jobs[0]
    claim = (await writer.claim(one)).claim
    await writer.append(claim, b"1", b"2")
    await writer.journal.ring(writer.address, one, signal("s"), START)
    outcome = b'"' + b"x" * (OUTCOME_BYTES - 2) + b'"'
    live = writer.live(key="same")
    commit = await writer.write(jobs=(JobEnd(one, outcome), JobStart(live, b"[2]")))
    assert (await writer.load()).jobs == (live,)
    ended = EndedJob(first, commit.at, outcome)
    assert await writer.journal.job(writer.address, one) == ended
    assert await writer.journal.ended(writer.address, 10) == [ended]
    assert await writer.data(one) == [] and list(await writer.journal.notes(writer.address, one)) == []
    assert await writer.journal.claim(writer.address, one, "two", START, START + 30.0) is None
    await refused(Fenced, writer.journal.append(claim, 3, b"3"))
    await refused(Fenced, writer.journal.renew(claim, START, START + 30.0))
    await refused(Fenced, writer.journal.let_go(claim, None, None))
    await writer.journal.taken(claim, ["s"])
    assert (await writer.claim(live.uid)).args == b"[2]"
    await writer.end(live.uid, b"3")
    assert [x.outcome for x in await writer.journal.ended(writer.address, 10)] == [b"3", outcome]
    assert [x.outcome for x in await writer.journal.ended(writer.address, 1)] == [b"3"]
    await writer.write(jobs=(JobEnd(live.uid, b"4"), JobEnd("9.9", b"5")))
    assert [x.outcome for x in await writer.journal.ended(writer.address, 10)] == [b"3", outcome]


@journal_case(
    "a job's due is its own: commits, settle, arm, parked letters and loads leave it alone, and it leaves them"
)
async def journal_due(store: Store) -> None:
    writer = JobWriter(store, "due")
    uid = await writer.start()
    born = writer.at
    await writer.write(state=b"2", next_due=START + 500.0, armed=START + 500.0, schedules=(schedule("s"),))
    assert await writer.journal.due(writer.address) == born
    await store.settle(writer.address, ["nothing"], None)
    await store.arm(writer.address, START + 7.0)
    await store.park(writer.address, letter("x", next=START + 3.0), 10, START + 3.0)
    await writer.load()
    assert await writer.journal.due(writer.address) == born
    before = await writer.all()
    claim = (await writer.claim(uid, now=START + 50.0)).claim
    assert await writer.journal.due(writer.address) == START + 80.0
    await writer.journal.renew(claim, START + 60.0, START + 90.0)
    assert await writer.journal.due(writer.address) == START + 90.0
    await writer.append(claim, b"1")
    assert await writer.journal.let_go(claim, 0, START + 1000.25)
    assert await writer.journal.due(writer.address) == START + 1000.25
    await writer.write(state=b"3", next_due=None, armed=None)
    assert await writer.journal.due(writer.address) == START + 1000.25
    await writer.journal.ring(writer.address, uid, None, START + 70.0)
    assert await writer.journal.due(writer.address) == START + 70.0
    await writer.journal.ring(writer.address, uid, None, START + 75.0)
    assert await writer.journal.due(writer.address) == START + 70.0
    claim = (await writer.claim(uid)).claim
    assert await writer.journal.let_go(claim, None, None) and await writer.journal.due(writer.address) is None
    after = await writer.all()
    assert after.snapshot.version == before.snapshot.version + 1 and after.letters == before.letters
    assert (after.snapshot.due, after.snapshot.armed) == (None, None)


@journal_case("the earliest of several jobs counts; a held one does not, and keeps its time")
async def journal_hold(store: Store) -> None:
    writer = JobWriter(store, "hold")
    uids = [await writer.start() for _ in range(3)]
    for uid, due in zip(uids, (30.0, 10.0, None), strict=True):
        claim = (await writer.claim(uid)).claim
        assert await writer.journal.let_go(claim, 0, None if due is None else START + due)
    assert await writer.journal.due(writer.address) == START + 10.0
    assert (await writer.journal.hold(writer.address, uids[1], True, START + 1.0)).until == 0.0
    held = await writer.job(uids[1])
    assert held.held and held.bell == 1 and held.due == START + 1.0
    assert await writer.journal.due(writer.address) == START + 30.0
    await writer.journal.ring(writer.address, uids[1], signal("s"), START + 2.0)
    assert await writer.journal.due(writer.address) == START + 30.0
    claim = (await writer.claim(uids[1], now=START + 3.0)).claim
    assert await writer.journal.let_go(claim, 2, START + 40.0)
    await writer.journal.hold(writer.address, uids[1], False, START + 20.0)
    assert not (await writer.job(uids[1])).held and await writer.journal.due(writer.address) == START + 20.0
    await refused(NotFound, writer.journal.hold(writer.address, "7.7", True, START))


@journal_case(
    "destroy makes all jobs unreachable in its one write; an old life's executor learns it; the next is fresh"
)
async def journal_destroy(store: Store) -> None:
    writer = JobWriter(store, "destroy")
    one = await writer.start(key="k")
    two = await writer.start()
    claim = (await writer.claim(one)).claim
    other = (await writer.claim(two)).claim
    await writer.append(claim, b"old-1", b"old-2")
    await writer.journal.ring(writer.address, one, signal("s"), START)
    await writer.end(two)
    await writer.write(destroy=True)
    for uid in (one, two):
        assert await writer.journal.job(writer.address, uid) is None and await writer.data(uid) == []
        assert await writer.journal.claim(writer.address, uid, "two", START + 99.0, START + 129.0) is None
        error = await refused(NotFound, writer.journal.ring(writer.address, uid, signal("t"), START))
        assert error.code == "no-job"
    assert await writer.journal.jobs(writer.address) == [] and await writer.journal.due(writer.address) is None
    assert await writer.journal.ended(writer.address, 10) == [] and (await writer.load()).jobs == ()
    await _is_over(writer, claim, 3)
    await _is_over(writer, other, 1)
    fresh = await writer.start(key="k", uid=one)
    assert fresh == one and await writer.data(one) == [] and list(await writer.journal.notes(writer.address, one)) == []
    await _is_over(writer, claim, 1)
    new = await writer.claim(one, "two")
    assert new.claim.number == 1 and new.job.bell == 0
    await writer.append(new.claim, b"new-1")
    await _is_over(writer, claim, 2)
    assert await writer.data(one) == [b"new-1"]


async def _is_over(writer: JobWriter, claim: Claim, position: int) -> None:
    journal = writer.journal
    await refused(Fenced, journal.append(claim, position, b"old"))
    await refused(Fenced, journal.renew(claim, START, START + 30.0))
    await refused(Fenced, journal.let_go(claim, None, START))


@journal_case("an agent without jobs answers as one that was never made")
async def journal_nothing(store: Store) -> None:
    writer = JobWriter(store, "nothing")
    for _ in range(2):
        assert await writer.journal.job(writer.address, "1.0") is None
        assert list(await writer.journal.jobs(writer.address)) == []
        assert list(await writer.journal.ended(writer.address, 10)) == []
        assert list(await writer.journal.rows(writer.address, "1.0", 0)) == []
        assert list(await writer.journal.notes(writer.address, "1.0")) == []
        assert list(await writer.journal.questions(writer.address, "1.0")) == []
        assert await writer.journal.due(writer.address) is None
        error = await refused(NotFound, writer.journal.ring(writer.address, "1.0", signal("x"), START))
        assert (error.code, error.status) == ("no-job", 404)
        await writer.write(state=STATE)
    other = CommitWriter(store, "job-nothing", "b")
    await other.write(state=STATE)
    assert (await other.load()).jobs == ()
