"""Rules 33 to 36: what a job knows after its host died. The cases of this file die together."""

from __future__ import annotations

from typing import Any

from ..probes.jobs import TAKEN_OVER, Jobs, job_case
from ..probes.listener import Listener
from ..stage import Stage


@job_case("32", "a job whose host dies as soon as its start is acknowledged runs all the same", together=True)
async def start_survives_death_before_the_bell(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = [Jobs(stage, client) for _ in range(4)]
        ids = [await job.begin("write", job.ledger.key, "here") for job in jobs]
        await stage.crash()
        for job, id in zip(jobs, ids, strict=True):
            assert (await job.value(id, TAKEN_OVER)).startswith("here ")


@job_case("34", "a recorded step never runs again, wherever its host died; the one under way runs again", together=True)
async def recorded_step_never_reruns(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = [Jobs(stage, client) for _ in range(4)]
        ids = [await job.chain("chain", n) for n, job in enumerate(jobs)]
        for job in jobs:
            await job.gate.arrived()
        await stage.crash()
        for n, (job, id) in enumerate(zip(jobs, ids, strict=True)):
            await job.again()
            value = await job.value(id, TAKEN_OVER)
            lines = await job.ledger.lines()
            assert lines == [f"step {m}" for m in range(n + 1)] + [f"step {m}" for m in range(n, 4)], lines
            assert [word.rpartition(" ")[0] for word in value] == [f"step {m}" for m in range(4)] + [""], value
            assert (await job.agent.state())["total"] == 1, "its tick was applied twice"


async def kept(stage: Stage, name: str, *, other: bool = False) -> tuple[list[Any], list[str]]:
    """What the body knew before its host died, which it must say after it too; and what its steps wrote."""
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        away = [Jobs(stage, client).gate.key] if other else []
        id = await jobs.chain(name, *away)
        await jobs.crashed()
        value = await jobs.value(id, TAKEN_OVER)
        [before] = (await jobs.agent.state())["kept"]
        assert value == before, f"replayed, the body knows {value}; it knew {before}"
        lines = await jobs.ledger.lines()
        assert lines.count("kept") == 2, lines
        return value, lines


@job_case("33", "nested branches replay in the order in which they went", together=True)
async def nested_branches_replay_in_any_order(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.chain("nested")
        await jobs.gate.arrived()
        assert len(await jobs.ledger.until(12)) == 12
        await jobs.crashed()
        value = await jobs.value(id, TAKEN_OVER)
        lines = await jobs.ledger.lines()
        assert lines.count("1.1 second") == 2 and len(set(lines)) == 12, lines
        assert [[leaf.count(", ") for leaf in branch] for branch in value] == [[1], [1, 1], [1, 1, 1]], value


@job_case("33", "workers of one queue replay: who took what, too", together=True)
async def queue_workers_replay(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.chain("queue")
        await jobs.ledger.until(9)
        await jobs.crashed()
        value = await jobs.value(id, TAKEN_OVER)
        assert sorted(word.split(" ")[1] for word in value) == [str(n) for n in range(9)], value
        lines = await jobs.ledger.lines()
        assert lines.count("8") == 2 and sum(lines.count(str(n)) for n in range(8)) <= 8 + 2, lines


@job_case("33", "steps that only their branch tells apart keep their results", together=True)
async def equal_steps_keep_their_branches(stage: Stage) -> None:
    value, lines = await kept(stage, "equal")
    assert len(set(value)) == 8
    assert lines.count("same") == 8


@job_case("33", "what was first is first when it is replayed", together=True)
async def first_completed_replays(stage: Stage) -> None:
    value, _ = await kept(stage, "race", other=True)
    assert value[0] == 1 and value[1].startswith("fast "), value


@job_case("33", "a timeout around a step is a timeout when it is replayed", together=True)
async def timeout_around_step_replays(stage: Stage) -> None:
    value, _ = await kept(stage, "give_up", other=True)
    assert value == ["timeout"], value


@job_case("33", "a cancelled branch of a group tidied up once, and is as cancelled when it is replayed", together=True)
async def cancelled_sibling_replays(stage: Stage) -> None:
    value, lines = await kept(stage, "siblings", other=True)
    assert len(value) == 2 and value[0].startswith("tidy ") and value[1].startswith("1 "), value
    assert lines.count("tidy") == 1


@job_case("34", "a body gets what the journal's bytes mean, the first time and when it is replayed", together=True)
async def values_are_what_was_stored(stage: Stage) -> None:
    value, _ = await kept(stage, "values")
    assert value[0].startswith("Found(name='a', price=Decimal('1.10'), at=datetime.datetime(2026, 3, 29, 2, 30"), value
    assert value[1] == "{1: (2, datetime.timedelta(seconds=3))}", value
    assert value[2] == "{'1': [2, 3]}", value


@job_case("34", "failures look the same the first time and when they are replayed", together=True)
async def failures_look_the_same_replayed(stage: Stage) -> None:
    value, lines = await kept(stage, "failures")
    assert value == [
        ["failed", "ValueError", "step-failed", "no such thing"], ["rejected", "no-seat", "no seat", {"row": 7}],
    ], value  # fmt: skip
    assert lines.count("raise") == 3 and lines.count("reject") == 1, lines


@job_case("35", "what may run once at most is unknown after a death inside, and is not run again", together=True)
async def at_most_once_is_unknown_after_death(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.chain("once")
        await jobs.gate.arrived()
        await stage.crash()
        assert await jobs.value(id, TAKEN_OVER) == "step-unknown"
        assert await jobs.ledger.lines() == ["paid"]
        await jobs.gate.open()


@job_case("38", "a step that died with its request unanswered for sends the same key again", together=True)
async def idempotency_key_stays_after_death(stage: Stage) -> None:
    async with Listener() as listener, stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.begin("post", listener.url, jobs.ledger.key, jobs.gate.key)
        await jobs.crashed()
        assert await jobs.value(id, TAKEN_OVER) == "2"
        assert listener.keys[0] is not None and listener.keys == [listener.keys[0]] * 2, listener.keys


@job_case("41", "a body that goes another way than its journal is stopped by name, keeps all, and can be cancelled",
      together=True)  # fmt: skip
async def changed_code_diverges_by_name(stage: Stage) -> None:
    async with stage.client() as client:
        jobs = Jobs(stage, client)
        id = await jobs.chain("stray")
        await jobs.ledger.until(1)
        await stage.crash()
        await jobs.gate.open()
        listed = await jobs.agent.call("listed")
        assert [ref[0] for ref in listed] == [id], (listed, await jobs.agent.state())
        lines = await jobs.ledger.calm(1.0)
        assert len(lines) <= 2, f"it went on, and ran {lines}"
        assert await jobs.agent.call("stop", id) is True
        assert (await jobs.ended(id, TAKEN_OVER))["error"] == "cancelled"
