"""Jobs that wait for people and for signals, in a world: under a virtual clock, killed after each of their rows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from pydantic_core import to_json

from roost import App, LimitExceeded, NotFound, Rejected, Run
from roost.contract.journal import Fact
from roost.testing import world
from roost.testing.faults import Faults

from .asking import OTHERS, Asking, Waiting
from .ending import ended
from .noted import RAN
from .test_body import body_of


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", range(5))
async def test_an_answer_is_heard_once_whatever_dies(row: int, restless: bool) -> None:
    async with world(App(OTHERS), restless=restless) as w:
        if row:
            w.kill(after_row=row)
        id = await w.agent(Asking, "a").begin()
        await w.advance(minutes=5)
        found = await w.job(Asking, "a", id)
        assert found.status == "waiting"
        assert found.due == pytest.approx(w.now + 3300, abs=120)
        (question,) = await w.questions(Asking, "a", id)
        assert b'"text":"Spend 5?"' in question.data
        await w.answer(Asking, "a", id, {"approved": True}, by="ann")
        found = await ended(w, Asking, "a", id, 1)
        assert (found.outcome, RAN.count("ann client")) == ("True by ann", 1)
        assert w.crashes == (1 if row else 0)


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", range(4))
async def test_a_question_expires_once(row: int, restless: bool) -> None:
    async with world(App(OTHERS), restless=restless) as w:
        if row:
            w.kill(after_row=row)
        id = await w.agent(Asking, "a").begin()
        await w.advance(seconds=1)
        (question,) = await w.questions(Asking, "a", id)
        found = await ended(w, Asking, "a", id, 2)
        assert (found.outcome, RAN) == ("expired", ["expired"])
        with pytest.raises(Rejected) as refused:
            await w.answer(Asking, "a", id, {"approved": True}, question=question.id)
        assert (refused.value.status, refused.value.code) == (409, "job-ended")


@pytest.mark.parametrize("fault", ["fail", "lose", "crash-before", "crash-after"])
@pytest.mark.parametrize(
    "call", ["journal.ask", "journal.expire", "journal.taken", "journal.questions", "journal.notes"]
)
async def test_a_lost_answer_of_the_store_is_settled(call: str, fault: Any) -> None:
    async with world(App(OTHERS)) as w:
        w.faults.once(call, fault)
        id = await w.agent(Asking, "a").begin("give up")
        await w.advance(minutes=2)
        assert await w.questions(Asking, "a", id) == []
        assert (await ended(w, Asking, "a", id, 3)).outcome == "nobody was quick"
        other = await w.agent(Asking, "a").begin("both", key="two")
        await w.advance(minutes=2)
        first, second = await w.questions(Asking, "a", other)
        await w.answer(Asking, "a", other, 3, question=second.id)
        await w.answer(Asking, "a", other, {"approved": False}, question=first.id)
        assert (await ended(w, Asking, "a", other, 1)).outcome == "False 3 tester"


async def test_the_first_answer_counts_and_a_wrong_one_closes_nothing() -> None:
    async with world(App(OTHERS)) as w:
        id = await w.agent(Asking, "a").begin("both")
        await w.settle()
        first, second = await w.questions(Asking, "a", id)
        for wrong in ({"approved": "perhaps"}, {}, {"approved": True, "limit": 101}, 3):
            with pytest.raises(Rejected) as refused:
                await w.answer(Asking, "a", id, wrong, question=first.id)
            assert (refused.value.status, refused.value.code) == (422, "bad-answer")
        with pytest.raises(NotFound):
            await w.answer(Asking, "a", id, {"approved": True}, question=f"{id}-1-0-9")
        w.faults.once("journal.append", "crash-before")
        await w.answer(Asking, "a", id, {"approved": True}, by="ann", id="x", question=first.id)
        await w.answer(Asking, "a", id, {"approved": True}, by="ann", id="x", question=first.id)
        with pytest.raises(Rejected) as late:
            await w.answer(Asking, "a", id, {"approved": False}, by="bob", question=first.id)
        assert (late.value.status, late.value.code, late.value.data["by"]) == (409, "question-closed", "ann")
        await w.answer(Asking, "a", id, 7, by="bob", question=second.id)
        assert (await ended(w, Asking, "a", id, 1)).outcome == "True 7 bob"


async def test_an_agent_answers_as_its_caller() -> None:
    async with world(App(OTHERS)) as w:
        agent = w.agent(Asking, "a")
        id = await agent.begin()
        await w.settle()
        (question,) = await w.questions(Asking, "a", id)
        assert await agent.approve("one", question.id, True)
        await w.settle()
        assert (await ended(w, Asking, "a", id, 1)).outcome == "True by app"
        assert not await agent.approve("one", question.id, True)


async def test_a_job_has_a_limit_of_open_questions_and_is_cancelled_while_it_asks() -> None:
    async with world(App(OTHERS)) as w:
        agent = w.agent(Asking, "a")
        id = await agent.begin("crowd")
        await w.settle()
        assert len(await w.questions(Asking, "a", id)) == 32
        await agent.stop(id)
        found = await ended(w, Asking, "a", id, 1)
        assert found.error is not None
        assert found.error.code == "cancelled"


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", range(7))
async def test_signals_come_in_order_and_once(row: int, restless: bool) -> None:
    async with world(App(OTHERS), restless=restless) as w:
        if row:
            w.kill(after_row=row)
        id = await w.agent(Waiting, "a").begin()
        for n, word in enumerate(("a", "b", "b")):
            for _ in range(2):
                with suppress(Rejected):  # it has ended meanwhile
                    await w.signal(Waiting, "a", id, "word", word, id=f"s{min(n, 1)}")
        await w.advance(minutes=2)
        assert (await ended(w, Waiting, "a", id, 1)).outcome == ["a", "b"]


async def test_signals_wait_for_whoever_waits_for_them() -> None:
    async with world(App(OTHERS)) as w:
        agent = w.agent(Waiting, "a")
        id = await agent.begin_and_tell()
        assert (await ended(w, Waiting, "a", id, 1)).outcome == ["early", "late"]
        assert not await agent.tell_it(id, "word", "too late")
        id = await agent.begin()
        await w.signal(Waiting, "a", id, "other", 1)
        await w.advance(minutes=1)
        assert (await w.job(Waiting, "a", id)).status == "waiting"
        for n in range(99):
            await w.signal(Waiting, "a", id, "other", n)
        with pytest.raises(LimitExceeded) as full:
            await w.signal(Waiting, "a", id, "other")
        assert (full.value.limit, full.value.status) == ("job_signals", 429)
        with pytest.raises(NotFound):
            await w.signal(Waiting, "a", "9.9", "word")


async def test_a_signal_that_is_no_such_thing_is_said_to_who_waits() -> None:
    async with world(App(OTHERS), restless=True) as w:
        id = await w.agent(Waiting, "a").begin("number")
        await w.signal(Waiting, "a", id, "n", "many")
        await w.advance(seconds=5)
        await w.crash()
        await w.signal(Waiting, "a", id, "n", 3)
        assert (await ended(w, Waiting, "a", id, 1)).outcome == ["bad-signal", 3]


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("seed", range(8))
async def test_no_signal_is_lost_by_those_who_give_up(seed: int, restless: bool) -> None:
    """Waits give up while rows are written that hold what they wait for."""
    faults = Faults(delay=0.4, lose=0.05, crash=0.02, longest=2.5, calls=("journal.",), seed=seed)
    async with world(App(OTHERS), restless=restless, faults=faults) as w:
        faults.on = False
        id = await w.agent(Waiting, "a").begin("race")
        faults.on = True
        rng = Random(seed)
        for n in range(8):
            await w.advance(seconds=rng.random() * 4)
            faults.on = False
            await w.signal(Waiting, "a", id, "word", n)
            faults.on = True
        await w.advance(minutes=2)
        faults.on = False
        assert (await ended(w, Waiting, "a", id, 1)).outcome == list(range(8))


def test_a_signal_that_comes_too_late_is_for_the_next() -> None:
    """Who waited for it gave up in the same row, one fact before."""

    async def code(run: Run) -> list[Any]:
        try:
            async with asyncio.timeout(5):
                await run.wait("word")
        except TimeoutError:
            pass
        return [await run.wait("word"), await run.wait("word")]

    def word(n: int) -> Fact:
        return Fact("signal", 106.0, f"n{n}", "word", data=to_json({"note": f"n{n}", "value": n}))

    body = body_of(code)
    for fact in (Fact("fired", 105.0, "0:t1"), word(1), word(2)):
        body.deliver(fact)
    assert body.outcome() == [1, 2]
    early = body_of(code)
    for fact in (word(1), Fact("fired", 105.0, "0:t1"), word(2), word(3)):
        early.deliver(fact)
    assert early.outcome() == [2, 3]
    assert early.taken == {"n1", "n2", "n3"}
    early.close()
    body.close()
