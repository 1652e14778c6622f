"""Agents with jobs are moved: exported, destroyed as they were exported, and imported."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pydantic import BaseModel

from roost import Address, Agent, App, JobDone, Run, Trigger, action, job
from roost.contract.job_mark import JobMark
from roost.contract.result import TickResult
from roost.contract.trigger import NOTHING, Destroy, Import, TriggerKind
from roost.testing import world
from roost.testing.world import World

HERE = Address("mover", "a")


class Moved(BaseModel):
    total: int = 0
    ended: list[Any] = []


class Mover(Agent[Moved]):
    @action
    async def begin(self, name: str) -> str:
        return self.start(name, getattr(self, name)).id

    @action
    async def add(self, n: int) -> int:
        self.state.total += n
        return self.state.total

    async def on_job(self, done: JobDone) -> None:
        self.state.ended.append([done.name, done.value, None if done.error is None else done.error.code])

    async def one(self) -> int:
        return 1

    @job
    async def listens(self, run: Run) -> list[Any]:
        first = [await run.step(self.one), await run.tick(self.add, 1), await run.wait("go", str)]
        said = await run.question(int, "how many?")
        await run.sleep(5)
        return [*first, said.value, await run.tick(self.add, 10)]

    @job
    async def stands(self, run: Run) -> None:
        async def stuck() -> None:
            await run.tick(self.add, 100)
            await asyncio.Event().wait()

        await run.step(stuck)

    @job
    async def awaits(self, run: Run) -> str:
        await run.sleep(3600)
        return "slept"

    @job
    async def hears_of(self, run: Run) -> Any:
        await run.sleep(60)
        return await run.result(next(ref for ref in SHORT))

    @job
    async def short(self, run: Run) -> str:
        return "short"


SHORT: list[Any] = []


async def wake(w: World, kind: TriggerKind, payload: Any = NOTHING, at: Address = HERE) -> TickResult:
    return await w.backend.wake(at, Trigger(kind, payload, source="admin"))


async def exported(w: World) -> dict[str, Any]:
    found = await wake(w, "export")
    assert found.error is None and found.value is not None, found.error
    doc: dict[str, Any] = json.loads(found.value)
    return doc


def seen(doc: dict[str, Any]) -> Destroy:
    return Destroy(doc["version"], 0, tuple(JobMark(x["id"], x["claim"], x["bell"]) for x in doc["jobs"]))


async def test_a_waiting_job_moves_with_its_journal_and_what_it_was_told() -> None:
    async with world(App([Mover])) as w:
        id = await w.agent(Mover, "a").begin("listens")
        await w.advance(seconds=1)
        await w.signal(Mover, "a", id, "go", "x")
        await w.advance(seconds=1)
        doc = await exported(w)
        assert doc["schema"] == 3 and len(doc["jobs"]) == 1
    async with world(App([Mover])) as w:
        assert (await wake(w, "import", Import(doc))).error is None
        await w.advance(seconds=1)
        (question,) = await w.questions(Mover, "a", id)
        await w.answer(Mover, "a", id, 7, question=question.id)
        await w.advance(seconds=10)
        assert await w.state(Mover, "a") == {
            "total": 11, "ended": [["listens", [1, 1, "x", 7, 11], None]]
        }  # fmt: skip
        assert (await w.job(Mover, "a", id)).status == "ended"


async def test_an_export_holds_the_jobs_until_the_time_is_over() -> None:
    async with world(App([Mover])) as w:
        id = await w.agent(Mover, "a").begin("listens")
        await w.advance(seconds=1)
        await exported(w)
        await w.signal(Mover, "a", id, "go", "x")
        await w.advance(minutes=5)
        assert await w.questions(Mover, "a", id) == []
        assert (await w.job(Mover, "a", id)).status == "waiting"
        await w.advance(minutes=6)
        assert len(await w.questions(Mover, "a", id)) == 1


async def test_a_job_that_was_told_something_since_its_export_is_not_destroyed() -> None:
    async with world(App([Mover])) as w:
        id = await w.agent(Mover, "a").begin("listens")
        await w.advance(seconds=1)
        doc = await exported(w)
        await w.signal(Mover, "a", id, "go", "x")
        refused = await wake(w, "destroy", seen(doc))
        assert refused.error is not None and refused.error.code == "changed"
        doc = await exported(w)
        assert [x["name"] for x in doc["jobs"][0]["notes"]] == ["go"]
        await w.advance(minutes=11)
        refused = await wake(w, "destroy", seen(doc))
        assert refused.error is not None and refused.error.code == "changed", "it went on"
        doc = await exported(w)
        assert (await wake(w, "destroy", seen(doc))).error is None
        assert (await wake(w, "import", Import(doc))).error is None
        await w.advance(seconds=5)
        assert len(await w.questions(Mover, "a", id)) == 1


async def test_an_agent_is_not_exported_while_a_step_runs() -> None:
    async with world(App([Mover])) as w:
        await w.agent(Mover, "a").begin("stands")
        await w.advance(seconds=1)
        refused, _ = await asyncio.gather(wake(w, "export"), w.advance(seconds=2))
        assert refused.error is not None
        assert (refused.error.code, refused.error.status) == ("jobs-under-way", 409)


async def test_what_a_job_did_and_its_journal_does_not_say_is_done_once() -> None:
    class Later(Agent[Moved]):
        """Code that has the job no more."""

        kind = "mover"

    first = App([Mover])
    async with world(first) as w:
        id = await w.agent(Mover, "a").begin("stands")
        await w.advance(seconds=1)
        assert await w.state(Mover, "a") == {"total": 100, "ended": []}
        w.app = App([Later])
        await w.crash()
        await w.advance(seconds=1)
        assert (await w.job(Mover, "a", id)).status != "ended"
        doc = await exported(w)
        assert len(doc["done"]) == 1
    for key in ("a", "b"):
        async with world(App([Mover])) as w:
            assert (await wake(w, "import", Import(doc), Address("mover", key))).error is None
            await w.advance(seconds=5)
            assert await w.state(Mover, key) == {"total": 100, "ended": []}, key


async def test_what_a_job_came_to_is_known_where_its_agent_moved() -> None:
    async with world(App([Mover])) as w:
        agent = w.agent(Mover, "a")
        id = await agent.begin("short")
        await w.advance(seconds=1)
        doc = await exported(w)
    async with world(App([Mover])) as w:
        assert (await wake(w, "import", Import(doc))).error is None
        found = await w.job(Mover, "a", id)
        assert (found.status, found.outcome) == ("ended", "short")
        assert (await wake(w, "destroy", seen(doc))).error is not None, "the import was a commit"


async def test_a_document_whose_jobs_are_wrong_is_refused_by_name() -> None:
    async with world(App([Mover])) as w:
        await w.agent(Mover, "a").begin("listens")
        await w.advance(seconds=1)
        doc = await exported(w)
    one = doc["jobs"][0]
    wrong: list[dict[str, Any]] = [
        {"jobs": [one, one]}, {"jobs": [{**one, "id": "99.1"}]}, {"jobs": [{**one, "id": "x"}]},
        {"jobs": [{**one, "rows": [[1, None, "!"]]}]}, {"jobs": [{**one, "run": 0}]}, {"jobs": [{**one, "key": ""}]},
        {"jobs": [{**one, "fingerprint": "00"}]}, {"jobs": [{**one, "deadline": float("inf")}]},
        {"jobs": [{**one, "key": "k" * 2000}]}, {"ended_jobs": 3}, {"jobs": None},
        {"jobs": [{**one, "notes": [{**_note(), "id": "n"}, {**_note(), "id": "n"}]}]},
        {"done": [{"id": "mover/b/job:1", "fingerprint": "0" * 32, "outcome": "value", "value": 1, "expires": 9}]},
    ]  # fmt: skip
    from roost.engine.export import checksum

    async with world(App([Mover])) as w:
        for change in wrong:
            bad = {**doc, **change}
            bad["sha256"] = checksum(bad)
            refused = await wake(w, "import", Import(bad))
            assert refused.error is not None and refused.error.code in ("bad-export", "bad-key", "limit-key"), change
            assert refused.error.status in (400, 413, 422), change
        assert (await wake(w, "import", Import(doc))).error is None


def _note() -> dict[str, Any]:
    return {
        "kind": "signal", "name": "go", "data": 1, "at": 1.0, "source": "client", "principal": "", "n": 1
    }  # fmt: skip
