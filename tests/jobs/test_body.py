"""The body of a job: who it is that asks, what it hears, and what it may not reach."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import to_json

from roost.author.job_errors import StepFailed, StepUnknown
from roost.author.run import Run
from roost.author.step import step
from roost.author.work import StepWork
from roost.contract.errors import AgentError, Rejected
from roost.contract.journal import Fact
from roost.engine.jobs.body import Body, Diverged, failure
from roost.engine.jobs.loop import BodyLoop
from roost.engine.jobs.unjournaled import Unjournaled

Code = Callable[[Run], Coroutine[Any, Any, Any]]


class Page(BaseModel):
    url: str
    at: datetime


async def add(a: int, b: int) -> int:
    return a + b


async def fetch(url: str) -> Page:
    return Page(url=url, at=datetime(2026, 1, 1, tzinfo=UTC))


@step(once="at_most", timeout=5)
async def pay(amount: int) -> None:
    """Costs money."""


def made(code: Code) -> Body:
    def make(loop: BodyLoop) -> Coroutine[Any, Any, Any]:
        return code(Run(body, "1.0/1"))

    body = Body(make, 1, 100.0)
    return body


def body_of(code: Code) -> Body:
    body = made(code)
    body.begin()
    return body


def answer(body: Body, id: str, value: Any, at: float = 101.0) -> None:
    call = body.loop.wanted[id]
    body.deliver(Fact("value", at, id, call.name, call.fingerprint, to_json(value)))


def outcome(code: Code) -> Any:
    """Of a body that waits for nothing."""
    body = body_of(code)
    try:
        assert body.done, [*body.loop.wanted]
        return body.outcome()
    finally:
        body.close()


def test_who_asks_is_a_branch_and_a_number() -> None:
    async def pair(run: Run, n: int) -> int:
        return await run.step(add, await run.step(add, n, 1), 1)

    async def code(run: Run) -> Any:
        first = await asyncio.gather(pair(run, 10), run.step(add, 5, 5), pair(run, 20))
        async with asyncio.TaskGroup() as group:
            inner = group.create_task(pair(run, 30))
        return first, await inner

    body = body_of(code)
    assert [c.id for c in body.asked()] == ["0:1", "0.1:1", "0.2:1"]
    assert body.asked() == []
    answer(body, "0.2:1", 21)
    answer(body, "0:1", 10)
    assert [c.id for c in body.asked()] == ["0.2:2"]
    for id, value in (("0.2:2", 22), ("0.1:1", 11), ("0.1:2", 12), ("0.3:1", 31), ("0.3:2", 32)):
        answer(body, id, value)
    assert body.done
    assert body.outcome() == ([12, 10, 22], 32)
    body.close()


def test_the_body_gets_what_the_stored_bytes_mean() -> None:
    async def code(run: Run) -> Any:
        page = await run.step(fetch, "x")
        return type(page).__name__, page.url, page.at.tzinfo is not None, run.now.timestamp()

    body = body_of(code)
    work = body.loop.wanted["0:1"].work
    assert isinstance(work, StepWork)
    stored = work.target.adapter.dump_json(Page(url="x", at=datetime(2026, 1, 1, tzinfo=UTC)))
    call = body.loop.wanted["0:1"]
    body.deliver(Fact("value", 103.5, call.id, call.name, call.fingerprint, stored))
    assert body.outcome() == ("Page", "x", True, 103.5)
    body.close()


def test_errors_look_the_same_live_and_replayed() -> None:
    seen: list[str] = []

    async def code(run: Run) -> None:
        for do in (add, add, pay):
            try:
                await (run.step(pay, 3) if do is pay else run.step(add, 1, 1))
            except Rejected as error:
                seen.append(f"rejected {error.code} {error.status} {error.message}")
            except StepFailed as error:
                seen.append(f"failed {error}")
            except StepUnknown as error:
                seen.append(error.code)

    for _ in range(2):
        body = body_of(code)
        for id, error in (("0:1", Rejected("no", code="no-seat", status=409)), ("0:2", KeyError("x"))):
            call = body.loop.wanted[id]
            body.deliver(Fact("failed", 101.0, id, call.name, call.fingerprint, failure(error)))
        call = body.loop.wanted["0:3"]
        assert call.once
        body.deliver(Fact("unknown", 101.0, "0:3", call.name, call.fingerprint))
        assert body.done
        body.close()
    assert seen == ["rejected no-seat 409 no", "failed KeyError: 'x'", "step-unknown"] * 2


def test_time_is_what_the_journal_says() -> None:
    async def code(run: Run) -> Any:
        try:
            async with asyncio.timeout(2):
                await run.step(add, 1, 1)
        except TimeoutError:
            await run.sleep(0.5)
            return run.now.timestamp()

    body = body_of(code)
    timer = body.next_timer()
    assert timer is not None
    assert (timer.id, timer.when()) == ("0:t1", 102.0)
    assert body.due(101.9) == []
    assert body.due(102.0) == ["0:t1"]
    body.deliver(Fact("fired", 102.25, "0:t1"))
    assert list(body.loop.passed) == ["0:1"]
    late = body.loop.passed["0:1"]
    body.deliver(Fact("value", 102.5, late.id, late.name, late.fingerprint, b"2"))  # too late: passed over
    body.deliver(Fact("fired", 102.8, "0:t2"))
    assert body.outcome() == 102.8
    body.close()


@pytest.mark.parametrize(
    ("fact", "says"),
    [
        (Fact("value", 101.0, "0:1", "other", b""), "keeps other .0:1. where the body now asks for add"),
        (Fact("value", 101.0, "0:1", "add", b"other"), "asks for add with other arguments"),
        (Fact("value", 101.0, "0:9", "add", b""), "asks for nothing"),
        (Fact("fired", 101.0, "0:t1"), "a time that passed"),
    ],
)
def test_a_journal_that_does_not_fit_is_named(fact: Fact, says: str) -> None:
    async def code(run: Run) -> Any:
        return await run.step(add, 1, 1)

    body = body_of(code)
    with pytest.raises(Diverged, match=says):
        body.deliver(fact)
    body.close()


def test_a_result_that_its_annotation_does_not_read_diverges() -> None:
    async def code(run: Run) -> Any:
        return await run.step(add, 1, 1)

    body = body_of(code)
    with pytest.raises(Diverged, match="return annotation"):
        answer(body, "0:1", "two")
    body.close()


def test_random_numbers_are_a_branch_s_own() -> None:
    async def code(run: Run) -> Any:
        async def draw() -> float:
            return run.random.random()

        mine = run.random.random()
        return [mine, *await asyncio.gather(draw(), draw()), str(run.uuid())]

    one, two = outcome(code), outcome(code)
    assert one == two
    assert len(set(one)) == 4


def test_first_and_as_completed() -> None:
    async def code(run: Run) -> Any:
        won = await run.first(asyncio.sleep(9, "slow"), run.step(add, 1, 1))
        return won, [x async for x in run.as_completed([run.step(add, 2, 2), run.step(add, 3, 3)])]

    body = body_of(code)
    answer(body, "0:1", 2)
    answer(body, "0:3", 6)
    answer(body, "0:2", 4)
    assert body.outcome() == ((1, 2), [6, 4])
    body.close()


def test_a_step_runs_in_a_copy_of_its_caller_s_context() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")

    async def code(run: Run) -> Any:
        who.set("root")

        async def child() -> None:
            who.set("child")
            await run.step(add, 1, 1)

        await asyncio.gather(child(), run.step(add, 2, 2))

    body = body_of(code)
    assert {c.id: c.context[who] for c in body.asked()} == {"0.1:1": "child", "0:1": "root"}
    body.close()


async def plain() -> int:
    return 1


async def as_completed_of_coroutines() -> Any:
    given = [plain(), plain()]
    try:
        return [await c for c in asyncio.as_completed(given)]
    finally:
        for one in given:
            one.close()


async def from_a_thread() -> Any:
    loop, found = asyncio.get_running_loop(), list[BaseException]()

    def go() -> None:
        try:
            loop.call_soon_threadsafe(print)
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    raise found[0]


@pytest.mark.parametrize(
    "reach",
    [
        lambda: asyncio.to_thread(time.time),
        lambda: asyncio.open_connection("127.0.0.1", 9),
        lambda: asyncio.create_subprocess_exec("true"),
        lambda: asyncio.get_running_loop().getaddrinfo("localhost", 80),
        as_completed_of_coroutines,
        from_a_thread,
    ],
    ids=["thread", "socket", "process", "dns", "as-completed", "threadsafe"],
)
def test_what_no_journal_keeps_is_refused_by_name(reach: Callable[[], Any]) -> None:
    async def code(run: Run) -> Any:
        return await reach()

    with pytest.raises(Unjournaled):
        outcome(code)


def test_a_step_asks_for_no_step() -> None:
    runs: list[Run] = []

    async def code(run: Run) -> Any:
        runs.append(run)
        return await run.step(add, 1, 1)

    body = body_of(code)
    with pytest.raises(Unjournaled, match="only the body"):
        runs[0].step(add, 1, 1)
    body.close()


async def unannotated(a: int):  # type: ignore[no-untyped-def]
    return a


@pytest.mark.parametrize("do", [lambda: 1, unannotated, 3], ids=["lambda", "unannotated", "number"])
def test_a_step_without_a_name_or_an_annotation_is_refused(do: Any) -> None:
    async def code(run: Run) -> Any:
        return await run.step(do)

    with pytest.raises(AgentError, match=r"run.step: "):
        outcome(code)


def test_a_body_that_never_waits_ends() -> None:
    async def code(run: Run) -> Any:
        spinning = True
        while spinning:  # noqa: ASYNC110 - what no body should do
            await asyncio.sleep(0)

    body = made(code)
    with pytest.raises(AgentError, match="100,000 turns"):
        body.begin()
    body.close()


def test_cancelling_runs_what_cleans_up() -> None:
    async def code(run: Run) -> Any:
        try:
            await run.step(add, 1, 1)
        finally:
            await run.step(add, 9, 9)

    body = body_of(code)
    body.deliver(Fact("cancel", 102.0))
    assert not body.done
    answer(body, "0:2", 18)
    assert body.done
    with pytest.raises(asyncio.CancelledError):
        body.outcome()
    body.close()


def test_what_is_left_behind_ends_with_the_body() -> None:
    ended: list[str] = []

    async def forever(run: Run) -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append("cancelled")
            with pytest.raises(Unjournaled, match="has ended"):
                run.step(add, 1, 1)

    async def code(run: Run) -> str:
        background = asyncio.create_task(forever(run))
        await asyncio.sleep(0)
        return f"left {background.done()}"

    assert outcome(code) == "left False"
    assert ended == ["cancelled"]
