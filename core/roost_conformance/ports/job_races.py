"""Several hosts at one job at once."""

from __future__ import annotations

from asyncio import gather

from roost.contract.errors import Fenced, Rejected
from roost.contract.job import Claimed
from roost.ports import Store

from .case import journal_case
from .commit_writer import START
from .job_writer import JobWriter, answer, question, signal

HOSTS = 6


@journal_case("of several that claim a job at once, one has it; of several rows for one position, one is written")
async def journal_race_claims(store: Store) -> None:
    writer = JobWriter(store, "race")
    uid = await writer.start()
    claims = (writer.journal.claim(writer.address, uid, f"h{n}", START, START + 30.0) for n in range(HOSTS))
    found = await gather(*claims)
    assert sum(isinstance(one, Claimed) for one in found) == 1
    late = [await writer.claim(uid, f"late{n}", START + 100.0 * (n + 1)) for n in range(HOSTS)]
    written = await gather(*(writer.journal.append(one.claim, 1, b"%d" % n) for n, one in enumerate(late)))
    assert sum(written) == 1
    rows = await writer.journal.rows(writer.address, uid, 0)
    assert [line.data for line in rows] == [b"%d" % written.index(True)]
    again = await gather(*(writer.journal.append(one.claim, 1, b"%d" % n) for n, one in enumerate(late)))
    assert again == written


@journal_case("signals told at once are numbered one by one; of several answers one closes the question")
async def journal_race_bells(store: Store) -> None:
    writer = JobWriter(store, "race-bells")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    told = await gather(*(writer.journal.ring(writer.address, uid, signal(f"s{n}"), START) for n in range(HOSTS)))
    assert sorted(one.note.n for one in told if one.note is not None) == list(range(1, HOSTS + 1))
    same = await gather(*(writer.journal.ring(writer.address, uid, signal("same"), START) for _ in range(HOSTS)))
    assert sum(one.fresh for one in same) == 1
    assert len(await writer.journal.notes(writer.address, uid)) == HOSTS + 1
    await writer.journal.ask(claim, question("q"))

    async def tried(id: str) -> bool:
        try:
            return (await writer.journal.ring(writer.address, uid, answer("q", id), START)).fresh
        except Rejected:
            return False

    async def expired() -> bool:
        return (await writer.journal.expire(claim, "q", START + 1.0)).answer is None

    late, *answered = await gather(expired(), *(tried(f"a{n}") for n in range(HOSTS)))
    assert sum(answered) + late == 1
    (asked,) = await writer.journal.questions(writer.address, uid)
    assert asked.closed is not None and (asked.answer is None) == late


@journal_case("a bell beside a let-go: the job stays claimed, or is due, and the note is there")
async def journal_race_let_go(store: Store) -> None:
    writer = JobWriter(store, "race-let")
    for n in range(HOSTS):
        uid = await writer.start()
        claimed = await writer.claim(uid)
        ring = writer.journal.ring(writer.address, uid, signal("s"), START + 1.0)
        let = writer.journal.let_go(claimed.claim, claimed.job.bell, None)
        if n % 2:
            gone, rung = await gather(let, ring)
        else:
            rung, gone = await gather(ring, let)
        job = await writer.job(uid)
        assert rung.note is not None and job.bell == 1
        assert len(await writer.journal.notes(writer.address, uid)) == 1
        if gone:
            assert (job.owner, job.due, rung.until) == ("", START + 1.0, 0.0)
        else:
            assert (job.owner, rung.until) == ("one", START + 30.0)


@journal_case("a row beside the agent's end: it is refused, or was there before")
async def journal_race_destroy(store: Store) -> None:
    writer = JobWriter(store, "race-end")
    for _ in range(HOSTS):
        uid = await writer.start()
        claim = (await writer.claim(uid)).claim
        commit = writer.draft(destroy=True)
        await gather(store.commit(commit), writer.journal.append(claim, 1, b"1"), return_exceptions=True)
        writer.follow(commit)
        assert await writer.data(uid) == [] and await writer.journal.due(writer.address) is None
        try:
            await writer.journal.append(claim, 2, b"2")
        except Fenced:
            continue
        raise AssertionError("a row was written in a life that is over")
