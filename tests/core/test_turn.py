# pyright: reportPrivateUsage=false
"""The steps of a turn, each alone: what a run ends as, what a write makes durable."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Agent, AgentError, action
from roost.contract.commit import AlreadyHandled, Commit, Committed, Handled
from roost.contract.errors import Conflict, LimitExceeded, Rejected, TransientError, Unknown
from roost.engine.turn import Ended, run, turn, write
from roost.hosting.memory import MemoryStore
from tests.core.rig import Bench

pytestmark = pytest.mark.anyio


class Tally(BaseModel):
    count: int = 0


kept: list[Any] = []


class Counter(Agent[Tally]):
    @action
    async def add(self, by: int) -> int:
        self.state.count += by
        return self.state.count

    @action
    async def look(self) -> int:
        return self.state.count

    @action
    async def fail(self) -> None:
        self.state.count = 99
        self.record("never")
        raise Rejected("no")

    @action
    async def in_a_group(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self.fail())

    @action
    async def break_(self) -> None:
        raise KeyError("secret")

    @action
    async def wait(self) -> int:
        await asyncio.sleep(0)
        return await self.add(1)

    @action
    async def much(self) -> str:
        return "x" * 2_000_000

    @action
    async def keep(self, weakly: bool) -> None:
        kept.append(weakref.ref(self) if weakly else self)
        self.state.count += 1


class OddStore(MemoryStore):
    """Answers a commit as it is told, once; `writes`: it is stored before."""

    answer: AlreadyHandled | Exception | None = None
    writes = False

    async def commit(self, commit: Commit) -> Committed | AlreadyHandled:
        answer, self.answer = self.answer, None
        if answer is None or self.writes:
            done = await super().commit(commit)
            if answer is None:
                return done
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, AlreadyHandled)
        return answer


# run -> Ended


async def test_a_return_with_a_new_state_is_a_commit() -> None:
    bench = Bench(Counter)
    ended = await run(bench.run(bench.call("add", 3)))
    assert ended.error is None and ended.value == b"3"
    assert ended.commit is not None and ended.commit.state == b'{"count":3}'
    assert (ended.commit.base, ended.commit.version) == (0, 1)


async def test_nothing_to_write_is_no_commit_unless_the_call_has_a_key() -> None:
    bench = Bench(Counter)
    assert (await run(bench.run(bench.call("add", 0)))).commit is not None  # the agent comes to be
    image = bench.cell.image
    assert image is not None
    image.state = b'{"count":0}'
    assert (await run(bench.run(bench.call("look"), image))).commit is None
    keyed = (await run(bench.run(bench.call("look", id="k"), image))).commit
    assert keyed is not None and keyed.state is None
    assert keyed.handled is not None and (keyed.handled.id, keyed.handled.value) == ("k", b"0")


async def test_an_error_leaves_nothing_but_itself() -> None:
    bench = Bench(Counter)
    one = bench.run(bench.call("fail"))
    ended = await run(one)
    assert isinstance(ended.error, Rejected) and ended.commit is None
    assert bench.cell.agent is None and not one.tick.log and not one.tick.open


async def test_a_keyed_error_is_remembered() -> None:
    bench = Bench(Counter)
    commit = (await run(bench.run(bench.call("fail", id="k")))).commit
    assert commit is not None and commit.state is None and not commit.log
    assert commit.handled is not None and commit.handled.outcome == "rejected"


async def test_an_authors_exception_is_hidden() -> None:
    bench = Bench(Counter)
    error = (await run(bench.run(bench.call("break_")))).error
    assert isinstance(error, AgentError) and "secret" not in error.message and error.id


async def test_the_sole_error_of_a_task_group_is_the_ticks() -> None:
    bench = Bench(Counter)
    error = (await run(bench.run(bench.call("in_a_group", 1)))).error
    assert isinstance(error, Rejected) and error.message == "no"
    error = (await run(bench.run(bench.call("in_a_group", 2)))).error
    assert isinstance(error, AgentError) and error.id and "no" not in error.message


async def test_a_result_too_large_is_refused() -> None:
    bench = Bench(Counter)
    error = (await run(bench.run(bench.call("much")))).error
    assert isinstance(error, LimitExceeded) and error.limit == "result"


async def test_a_handler_that_waits_ends_like_one_that_does_not() -> None:
    bench = Bench(Counter)
    ended = await run(bench.run(bench.call("wait")))
    assert ended.value == b"1" and ended.commit is not None


@pytest.mark.parametrize("weakly", [False, True])
async def test_an_object_that_is_left_behind_is_not_the_next_ticks(weakly: bool) -> None:
    bench = Bench(Counter)
    await run(bench.run(bench.call("add", 1)))
    mine = id(bench.cell.agent)
    await run(bench.run(bench.call("wait")))
    assert id(bench.cell.agent) == mine  # nobody else holds it
    kept.clear()
    await run(bench.run(bench.call("keep", weakly)))
    assert bench.cell.agent is not None
    if weakly:
        assert kept.pop()() is not bench.cell.agent
    else:
        left = kept.pop()
        assert left is not bench.cell.agent
        with pytest.raises(AgentError):
            _ = left.state
    assert bench.cell.agent.state == Tally(count=3)


# write -> Written


async def test_a_durable_commit_is_in_the_image() -> None:
    bench = Bench(Counter)
    one = bench.run(bench.call("add", 2))
    commit, result = await write(one, await run(one))
    assert commit is not None and (result.outcome, result.value, result.version) == ("value", b"2", 1)
    assert one.image.version == 1 and one.image.state == b'{"count":2}'


async def test_no_commit_is_no_write() -> None:
    bench = Bench(Counter)
    one = bench.run(bench.call("look"))
    commit, result = await write(one, Ended(None, b"5"))
    assert commit is None and (result.value, result.version) == (b"5", 0)


@pytest.mark.parametrize("answer", [Conflict("another was first"), TransientError("full", code="storage")])
async def test_a_refused_commit_leaves_nothing(answer: Exception) -> None:
    store = OddStore()
    bench = Bench(Counter, store)
    one = bench.run(bench.call("add", 2))
    ended = await run(one)
    store.answer = answer
    commit, result = await write(one, ended)
    assert commit is None and result.error is answer
    assert bench.cell.image is None and bench.cell.agent is None


@pytest.mark.parametrize("written", [True, False])
async def test_a_lost_answer_is_looked_up(written: bool) -> None:
    store = OddStore()
    bench = Bench(Counter, store)
    one = bench.run(bench.call("add", 2))
    ended = await run(one)
    store.answer, store.writes = Unknown("no answer came"), written
    commit, result = await write(one, ended)
    assert (commit is not None) == written
    assert result.outcome == ("value" if written else "transient")
    assert (bench.cell.image is None) != written


@pytest.mark.parametrize(("print_", "outcome"), [(b"", "value"), (b"other", "rejected")])
async def test_an_earlier_run_of_the_key_is_the_answer(print_: bytes, outcome: str) -> None:
    store = OddStore()
    bench = Bench(Counter, store)
    one = bench.run(bench.call("add", 2, id="k"))
    ended = await run(one)
    store.answer = AlreadyHandled(Handled("client", "", "k", print_, "value", b"41", 1e9))
    commit, result = await write(one, ended)
    assert commit is None and result.outcome == outcome
    assert outcome != "value" or (result.value, result.replayed) == (b"41", True)


# the whole


async def test_a_turn_answers_when_it_is_durable() -> None:
    bench = Bench(Counter)
    waiting = bench.call("add", 1)
    image = bench.run(waiting).image
    await turn(bench.cell, waiting, image)
    (result,) = bench.results
    assert (result.value, result.version, image.version) == (b"1", 1, 1)
    assert bench.cell.metrics.ticks == {("call", "value"): 1}
