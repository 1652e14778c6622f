"""What others tell a job: the bell, signals, answers, cancellation."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

from roost.contract.errors import Fenced, LimitExceeded, NotFound, Rejected
from roost.contract.job import QUESTIONS, SIGNALS, Rung
from roost.ports import Store

from .case import journal_case
from .commit_writer import START, refused
from .job_writer import JobWriter, answer, question, signal


async def closed(ring: Awaitable[object]) -> None:
    """The job has ended, so nobody can tell it anything."""
    error = await refused(Rejected, ring)
    assert (error.code, error.status) == ("job-ended", 409)


@journal_case("a bell that rose since it was read keeps a job from being let go")
async def journal_bell(store: Store) -> None:
    writer = JobWriter(store, "bell")
    uid = await writer.start()
    claimed = await writer.claim(uid)
    claim = claimed.claim
    assert claimed.job.bell == 0
    rung = await writer.journal.ring(writer.address, uid, None, START + 1.0)
    assert rung == Rung(None, START + 30.0)
    assert (await writer.job(uid)).due == START + 30.0, "whoever has the job sees the bell"
    assert not await writer.journal.let_go(claim, 0, None)
    job = await writer.job(uid)
    assert (job.bell, job.owner) == (1, "one") == ((await writer.journal.renew(claim, START, START + 30.0)).bell, "one")
    assert await writer.journal.let_go(claim, 1, START + 900.0)
    rung = await writer.journal.ring(writer.address, uid, None, START + 2.0)
    assert rung == Rung(None, 0.0)
    job = await writer.job(uid)
    assert (job.bell, job.due, job.owner) == (2, START + 2.0, "")
    claim = (await writer.claim(uid)).claim
    assert await writer.journal.let_go(claim, None, START + 900.0), "whatever rang"
    claim = (await writer.claim(uid, "dead", START)).claim
    assert (await writer.journal.ring(writer.address, uid, None, START + 31.0)).until == 0.0, "its claim is over"
    assert (await writer.job(uid)).due == START + 30.0


@journal_case("signals wait in the order in which they were told, each id once, whether it was taken or not")
async def journal_signals(store: Store) -> None:
    writer = JobWriter(store, "signals")
    uid = await writer.start()
    told = [
        signal("b", name="n\u00efm", data=b"\x00\xff" * 30_000), signal("a/\U0001f600", principal="", source="agent"),
        signal("c", kind="cancel", name="", data=b"null", at=START + 0.25),
    ]  # fmt: skip
    for n, note in enumerate(told, 1):
        assert await writer.journal.ring(writer.address, uid, note, START) == Rung(replace(note, n=n), 0.0)
    kept = [replace(note, n=n) for n, note in enumerate(told, 1)]
    assert list(await writer.journal.notes(writer.address, uid)) == kept
    claim = (await writer.claim(uid)).claim
    again = await writer.journal.ring(writer.address, uid, signal("b", data=b"other"), START)
    assert again == Rung(kept[0], START + 30.0, False) and (await writer.job(uid)).bell == 4
    await writer.journal.taken(claim, ["b", "c", "never"])
    await writer.journal.taken(claim, ["b"])
    assert list(await writer.journal.notes(writer.address, uid)) == kept[1:2]
    again = await writer.journal.ring(writer.address, uid, signal("b", data=b"other"), START)
    assert not again.fresh and again.note is not None and again.note.id == "b"
    assert list(await writer.journal.notes(writer.address, uid)) == kept[1:2]


@journal_case("100 signals wait, no more; a cancellation comes through all the same, and what is taken makes room")
async def journal_signals_many(store: Store) -> None:
    writer = JobWriter(store, "signals-many")
    uid = await writer.start()
    for n in range(SIGNALS):
        await writer.journal.ring(writer.address, uid, signal(f"s{n}", at=START + n), START)
    error = await refused(LimitExceeded, writer.journal.ring(writer.address, uid, signal("more"), START))
    assert error.code == "limit-job-signals"
    assert not (await writer.journal.ring(writer.address, uid, signal("s5"), START)).fresh
    assert (await writer.journal.ring(writer.address, uid, signal("stop", kind="cancel"), START)).fresh
    notes = await writer.journal.notes(writer.address, uid)
    assert [note.id for note in notes] == [*(f"s{n}" for n in range(SIGNALS)), "stop"]
    claim = (await writer.claim(uid)).claim
    await writer.journal.taken(claim, ["s7", "s8"])
    assert (await writer.journal.ring(writer.address, uid, signal("more"), START)).fresh
    assert [note.id for note in await writer.journal.notes(writer.address, uid)][-2:] == ["stop", "more"]


@journal_case("a question is closed once: by the first answer, which its id may repeat, or by its expiry")
async def journal_questions(store: Store) -> None:
    writer = JobWriter(store, "questions")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    one, two = question("0:1"), question("0.1:2/\u00e9", asked=START + 1.0, data=b"{}" * 1000)
    await writer.journal.ask(claim, two)
    await writer.journal.ask(claim, one)
    await writer.journal.ask(claim, replace(one, data=b"other"))
    assert list(await writer.journal.questions(writer.address, uid)) == [one, two]
    yes = answer("0:1", "a1", data=b'{"approved":true}', at=START + 5.0, principal="ann")
    rung = await writer.journal.ring(writer.address, uid, yes, START + 5.0)
    yes = replace(yes, n=1)
    assert rung == Rung(yes, START + 30.0)
    done = replace(one, closed=START + 5.0, answer=yes)
    assert list(await writer.journal.questions(writer.address, uid)) == [done, two]
    assert list(await writer.journal.notes(writer.address, uid)) == [yes]
    again = await writer.journal.ring(writer.address, uid, replace(yes, data=b"1", n=0), START + 6.0)
    assert again == Rung(yes, START + 30.0, False)
    no = answer("0:1", "a2", at=START + 7.0, principal="bob")
    error = await refused(Rejected, writer.journal.ring(writer.address, uid, no, START + 7.0))
    assert (error.code, error.status, error.data) == ("question-closed", 409, {"by": "ann", "at": START + 5.0})
    assert await writer.journal.expire(claim, "0:1", START + 70.0) == done, "the answer was first"
    assert await writer.journal.expire(claim, two.id, START + 60.0) == replace(two, closed=START + 60.0)
    assert await writer.journal.expire(claim, two.id, START + 61.0) == replace(two, closed=START + 60.0)
    late = answer(two.id, "a3", at=START + 2.0)
    error = await refused(Rejected, writer.journal.ring(writer.address, uid, late, START + 61.0))
    assert (error.code, error.data) == ("question-closed", {"by": None, "at": START + 60.0})
    assert list(await writer.journal.notes(writer.address, uid)) == [yes]


@journal_case("an answer after the question's time is refused, though nobody closed it; one to no question too")
async def journal_question_late(store: Store) -> None:
    writer = JobWriter(store, "question-late")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    await writer.journal.ask(claim, question("q"))
    late = answer("q", "a", at=START + 60.0)
    assert (await refused(Rejected, writer.journal.ring(writer.address, uid, late, START))).code == "question-closed"
    error = await refused(NotFound, writer.journal.ring(writer.address, uid, answer("other", "a"), START))
    assert error.code == "no-question"
    error = await refused(NotFound, writer.journal.expire(claim, "other", START))
    assert error.code == "no-question" and list(await writer.journal.notes(writer.address, uid)) == []
    assert (await writer.journal.ring(writer.address, uid, answer("q", "a"), START)).fresh


@journal_case("32 questions are open, no more; a closed one makes room; the job's end closes them")
async def journal_questions_many(store: Store) -> None:
    writer = JobWriter(store, "questions-many")
    uid = await writer.start()
    claim = (await writer.claim(uid)).claim
    for n in range(QUESTIONS):
        await writer.journal.ask(claim, question(f"q{n}", asked=START + n))
    error = await refused(LimitExceeded, writer.journal.ask(claim, question("more", asked=START + 99.0)))
    assert error.code == "limit-job-questions"
    await writer.journal.ask(claim, question("q3"))
    await writer.journal.expire(claim, "q3", START + 60.0)
    await writer.journal.ask(claim, question("more", asked=START + 99.0))
    found = await writer.journal.questions(writer.address, uid)
    assert [q.id for q in found] == [*(f"q{n}" for n in range(QUESTIONS)), "more"]
    await writer.end(uid)
    assert list(await writer.journal.questions(writer.address, uid)) == []
    await refused(Fenced, writer.journal.ask(claim, question("q")))
    await refused(Fenced, writer.journal.expire(claim, "q1", START))
    await closed(writer.journal.ring(writer.address, uid, answer("q1", "a"), START))
