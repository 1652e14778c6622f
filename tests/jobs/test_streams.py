"""Streams of jobs, in a world."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from roost import Address, Agent, AgentError, App, Retry, Run, TransientError, action, job, step
from roost.contract.stream import StreamLine
from roost.testing import world
from roost.testing.jobs import StreamSeen, items
from roost.testing.world import World

from .agents import CLOCK, run_virtually
from .ending import ended


class Speaker(Agent):
    """Its steps say what they are given, a word each `pause` seconds."""

    @action
    async def begin(self, name: str, *args: Any) -> str:
        return self.start(None, getattr(self, name), *args).id

    @job
    async def talk(self, run: Run, words: int, pause: float) -> str:
        return await run.step(self.say, words, pause)

    @step(timeout=300.0)
    async def say(self, words: int, pause: float) -> str:
        run = Run.current()
        said: list[str] = []
        for n in range(words):
            said.append(f"w{n} ")
            run.stream("text", str).emit(said[-1])
            await run_virtually(pause)
        return "".join(said)

    @job
    async def both(self, run: Run) -> tuple[str, str]:
        return await asyncio.gather(run.step(self.say, 20, 0.2), run.step(self.say, 10, 0.3))

    @job
    async def breaks(self, run: Run) -> str:
        return await run.step(self.halfway)

    @step(retry=Retry(attempts=3, first=1.0))
    async def halfway(self) -> str:
        run = Run.current()
        run.emit("one")
        await run_virtually(3.0)
        if len(SEEN) < 2:
            SEEN.append(1)
            raise TransientError("again")
        run.emit("two")
        return "done"

    @job
    async def aside(self, run: Run) -> str:
        run.emit("no")
        return "never"

    @job
    async def odd(self, run: Run) -> str:
        return await run.step(self.odd_step)

    @step(retry=Retry(attempts=1))
    async def odd_step(self) -> str:
        run, codes = Run.current(), list[str]()
        given: list[tuple[str, Any, Any]] = [
            ("a b", str, "x"), ("t", int, "x"), ("t", str, "x" * 70_000), ("t", float, float("nan")),
            ("t", Any, {1, 2}),
        ]  # fmt: skip
        for name, kind, item in given:
            try:
                run.stream(name, kind).emit(item)
                codes.append("said")
            except Exception as error:
                codes.append(getattr(error, "code", repr(error)))
        try:
            for n in range(20):
                run.stream(f"s{n}").emit(n)
        except Exception as error:
            codes.append(getattr(error, "code", repr(error)))
        return " ".join(codes)


SEEN: list[int] = []


@pytest.fixture(autouse=True)
def fresh() -> None:
    SEEN.clear()


def text(told: list[StreamSeen]) -> str:
    return "".join(items(told))


async def followed(w: World, id: str, name: str = "text", after: str = "") -> list[StreamSeen]:
    """From the cursor to the end, as time passes."""
    told: list[StreamSeen] = []
    for _ in range(400):
        told += await w.stream(Speaker, "a", id, name, after=after)
        if told:
            if told[-1].kind == "end":
                return told
            after = told[-1].cursor
        await w.advance(seconds=0.25)
    raise AssertionError(told)


SAID = "".join(f"w{n} " for n in range(30))


@pytest.mark.parametrize("restless", [False, True])
async def test_a_stream_is_told_at_once_and_kept(restless: bool) -> None:
    async with world(App([Speaker]), restless=restless) as w:
        CLOCK[:] = [w.host]
        id = await w.agent(Speaker, "a").begin("talk", 30, 0.1)
        await w.advance(seconds=0.35)
        assert [one.item for one in await w.stream(Speaker, "a", id, "text")] == ["w0 ", "w1 ", "w2 ", "w3 "]
        assert await w.store.journal.streamed(w.agent(Speaker, "a")._address, id, 0) == []  # type: ignore[attr-defined]
        told = await followed(w, id)
        assert [one.kind for one in told] == ["item"] * 30 + ["end"]
        assert text(told) == SAID == (await w.job(Speaker, "a", id)).outcome
        later = await w.stream(Speaker, "a", id, "text")
        assert later == told
        for n, one in enumerate(told):  # from each place on
            assert await w.stream(Speaker, "a", id, "text", after=one.cursor) == (told[n + 1 :] or told[-1:])


@pytest.mark.parametrize("at", [0.35, 1.15, 1.95, 2.85])
async def test_a_reader_of_a_host_that_died_hears_what_is_void(at: float) -> None:
    async with world(App([Speaker])) as w:
        CLOCK[:] = [w.host]
        id = await w.agent(Speaker, "a").begin("talk", 30, 0.1)
        await w.advance(seconds=at)
        told = await w.stream(Speaker, "a", id, "text")
        await w.crash()
        told += await followed(w, id, after=told[-1].cursor)
        assert text(told) == SAID == text(await w.stream(Speaker, "a", id, "text"))
        assert "reset" in [one.kind for one in told]
        assert [one.kind for one in told].index("end") == len(told) - 1


@pytest.mark.parametrize("row", range(1, 6))
async def test_a_host_that_dies_at_any_row(row: int) -> None:
    async with world(App([Speaker])) as w:
        CLOCK[:] = [w.host]
        w.kill(after_row=row)
        id = await w.agent(Speaker, "a").begin("both")
        told = await followed(w, id)
        assert (await ended(w, Speaker, "a", id)).outcome
        by_step: dict[str, str] = {}
        for word, one in zip(items(told), [x for x in told if x.kind == "item"], strict=False):
            by_step[one.step] = by_step.get(one.step, "") + word
        assert sorted(map(len, items(told))) == sorted(map(len, items(await w.stream(Speaker, "a", id, "text"))))
        assert len(items(told)) == 30


@pytest.mark.parametrize("fault", ["fail", "lose", "crash-before", "crash-after"])
@pytest.mark.parametrize("call", ["journal.stream", "journal.streamed"])
async def test_a_batch_whose_answer_is_lost(call: str, fault: Any) -> None:
    async with world(App([Speaker])) as w:
        CLOCK[:] = [w.host]
        id = await w.agent(Speaker, "a").begin("talk", 30, 0.1)
        w.faults.once(call, fault)
        if call == "journal.streamed":  # whoever takes over reads what there is
            await w.advance(seconds=1.5)
            await w.crash()
        await w.advance(seconds=40)
        assert text(await followed(w, id)) == SAID


async def test_an_attempt_that_failed_is_void() -> None:
    async with world(App([Speaker])) as w:
        CLOCK[:] = [w.host]
        id = await w.agent(Speaker, "a").begin("breaks")
        told = await followed(w, id, "default")
        assert items(told) == ["one", "two"]
        assert [one.kind for one in told] == ["item", "reset", "item", "reset", "item", "item", "end"]


async def test_what_is_refused_is_named() -> None:
    async with world(App([Speaker])) as w:
        CLOCK[:] = [w.host]
        agent = w.agent(Speaker, "a")
        failed = await ended(w, Speaker, "a", await agent.begin("aside"))
        assert failed.error is not None and "await run.step" in failed.error.message, failed
        found = await ended(w, Speaker, "a", await agent.begin("odd"))
        assert found.outcome == "bad-stream bad-item limit-stream-item bad-item said limit-job-streams", found
        with pytest.raises(AgentError, match="here is no run"):
            Run.current()


async def test_an_answer_of_30_seconds_is_about_30_rows() -> None:
    async with world(App([Speaker])) as w:
        CLOCK[:] = [w.host]
        id = await w.agent(Speaker, "a").begin("talk", 300, 0.1)
        await w.advance(seconds=40)
        rows: list[StreamLine] = []
        while page := [
            x for x in await w.store.journal.streamed(Address("speaker", "a"), id, len(rows) and rows[-1].last)
            if x.last > (rows[-1].last if rows else 0)
        ]:  # fmt: skip
            rows += page
        assert 25 <= len(rows) <= 31 and rows[-1].last == 300, len(rows)
        assert max(len(row.data) for row in rows) < 1024, "one write unit of DynamoDB each"
