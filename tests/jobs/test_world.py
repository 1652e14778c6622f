"""Jobs from end to end, in a world: under a virtual clock, killed after each of their rows."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from roost import (
    Address,
    AgentError,
    App,
    LimitExceeded,
    Rejected,
    TransientError,
)  # fmt: skip
from roost.testing import world

from .agents import ALL, Flaky, Once, Patient, Posting, Research, Tools
from .ending import ended
from .noted import RAN, Ledger
from .reaching import Reaching


@pytest.mark.parametrize("restless", [False, True])
async def test_a_job_runs_to_its_end(restless: bool) -> None:
    async with world(App(ALL), restless=restless) as w:
        agent = w.agent(Research, "a")
        id = await agent.begin(["a", "bb"])
        await w.advance(seconds=1)
        found = await w.job(Research, "a", id)
        assert found.status == "waiting", found
        assert sorted(found.steps) == ["fetch", "fetch"]
        assert await agent.listed() == ["work one"]
        await w.advance(hours=1, seconds=1)
        found = await w.job(Research, "a", id)
        assert (found.status, found.outcome, found.error) == ("ended", 6, None), found
        assert RAN == ["a", "bb", "apply 3", "add 3"]
        assert await w.state(Research, "a") == {"total": 3, "ended": ["work one 6"]}
        assert [e.kind for e in await w.events(Research, "a")] == ["job-started", "job-ended"]
        assert await agent.listed() == []


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("row", range(1, 9))
async def test_what_is_recorded_never_runs_again(row: int, restless: bool) -> None:
    async with world(App(ALL), restless=restless) as w:
        w.kill(after_row=row)
        id = await w.agent(Research, "a").begin(["a", "bb"])
        found = await ended(w, Research, "a", id)
        assert (found.outcome, found.error) == (6, None)
        assert w.crashes == 1
        assert RAN.count("apply 3") == RAN.count("add 3") == 1
        assert await w.state(Research, "a") == {"total": 3, "ended": ["work one 6"]}
        assert await w.state(Ledger, "x") == {"total": 3, "ended": []}


@pytest.mark.parametrize("fault", ["fail", "lose", "crash-before", "crash-after"])
@pytest.mark.parametrize("call", ["journal.append", "journal.claim", "journal.let_go", "store.park", "journal.rows"])
async def test_an_answer_that_is_lost_is_settled(call: str, fault: Any) -> None:
    async with world(App(ALL)) as w:
        w.faults.once(call, fault)
        id = await w.agent(Research, "a").begin(["a", "bb"])
        found = await ended(w, Research, "a", id)
        assert (found.outcome, found.error) == (6, None)
        assert RAN.count("apply 3") == RAN.count("add 3") == 1
        if not fault.startswith("crash"):
            assert sorted(RAN) == ["a", "add 3", "apply 3", "bb"]
        assert await w.state(Research, "a") == {"total": 3, "ended": ["work one 6"]}


async def test_a_start_leaves_with_its_commit() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Research, "a")
        with pytest.raises(Rejected):
            await agent.begin_and_fail()
        await w.advance(minutes=1)
        assert await agent.listed() == []
        assert RAN == []
        w.faults.once("store.commit", "crash-after")
        with pytest.raises(TransientError):
            await agent.begin(["a"])
        await w.advance(minutes=5)
        assert RAN == ["a"]
        assert await agent.listed() == ["work one"]


async def test_a_key_names_the_live_job() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Research, "a")
        first = await agent.begin(["a"])
        assert await agent.begin(["a"]) == first
        with pytest.raises(Rejected, match="other arguments") as refused:
            await agent.begin(["b"])
        assert (refused.value.code, refused.value.status) == ("job-arguments", 409)
        assert await agent.begin(["b"], key=None) != first
        await w.advance(hours=2)
        assert await agent.listed() == []
        assert await agent.begin(["b"]) != first


async def test_starts_have_limits_and_readonly_has_none() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Patient, "a")
        with pytest.raises(AgentError, match="readonly"):
            await agent.peek()
        await agent.begin_many(40)
        with pytest.raises(LimitExceeded) as refused:
            await agent.begin_many(25)
        assert refused.value.limit == "jobs"
        await agent.begin_many(24)
        await w.advance(hours=2)
        assert (await w.state(Patient, "a"))["ended"] == ["slept"] * 64


async def test_a_failed_step_is_tried_again_and_looks_the_same_replayed() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Flaky, "a")
        id = await agent.begin("sometimes")
        await w.advance(seconds=10)
        found = await w.job(Flaky, "a", id)
        assert found.status == "waiting"
        assert found.due == pytest.approx(w.now + 50)
        assert RAN == ["sometimes"]
        w.kill(after_row=1)
        await w.advance(minutes=5)
        assert RAN == ["sometimes"] * 3
        for how in ("reject", "key"):
            RAN.clear()
            await agent.begin(how)
            await w.advance(minutes=1)
            assert [how] * (1 if how == "reject" else 2) == RAN
        assert (await w.state(Flaky, "a"))["ended"] == ["at last", "rejected no-seat", "KeyError step-failed 'key'"]


async def test_what_runs_once_at_most_is_unknown_after_a_death() -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Once, "a").begin()
        await w.advance(seconds=5)
        assert RAN == ["pay 3"]
        await w.crash()
        found = await ended(w, Once, "a", id, 1)
        assert (RAN, found.outcome) == (["pay 3"], "step-unknown")


async def test_a_cancelled_job_tidies_up_and_wakes_for_it() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Patient, "a")
        id = await agent.begin(3600 * 5, key="x")
        await w.advance(seconds=5)
        assert (await w.job(Patient, "a", id)).status == "waiting"
        assert await agent.stop("x")
        await w.advance(seconds=5)
        found = await w.job(Patient, "a", id)
        assert found.error is not None
        assert (found.status, found.error.code, RAN) == ("ended", "cancelled", ["tidied"])
        assert not await agent.stop("x")
        assert (await w.state(Patient, "a"))["ended"] == ["cancelled"]


async def test_a_body_that_goes_on_is_ended_after_its_grace() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Patient, "a")
        id = await agent.begin_stubborn()
        await w.advance(seconds=5)
        await agent.stop(id)
        await w.advance(seconds=20)
        assert (await w.job(Patient, "a", id)).status != "ended"
        await w.advance(seconds=20)
        found = await w.job(Patient, "a", id)
        assert found.error is not None
        assert found.error.code == "cancelled"


async def test_the_deadline_is_named_and_stops_steps() -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Patient, "a").begin_brief()
        await w.advance(seconds=29)
        assert RAN == ["forever"]
        await w.advance(seconds=2)
        found = await w.job(Patient, "a", id)
        assert found.error is not None
        assert found.error.code == "deadline"
        assert RAN == ["forever", "brief is over", "stopped"] or RAN == ["forever", "stopped", "brief is over"]


@pytest.mark.parametrize("what", ["state", "http", "ask", "kv", "tell", "schedule", "start", "random", "thread"])
async def test_the_body_reaches_nothing_that_a_replay_would_find_changed(what: str) -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Reaching, "a").begin(what)
        found = await ended(w, Reaching, "a", id, 1)
        assert str(found.outcome).startswith("unjournaled: "), found
        assert "run." in str(found.outcome) or "step" in str(found.outcome), found


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("endless", "endless"), ("raise", "job-failed"), ("large", "limit-result"), ("group", "unjournaled"),
        ("group of steps", "no-seat"),
    ],
)  # fmt: skip
async def test_a_body_that_can_not_end_well_ends_by_name(what: str, code: str) -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Reaching, "a").begin(what)
        error = (await ended(w, Reaching, "a", id, 1)).error
        assert error is not None
        assert error.code == code


async def test_rows_have_room_for_what_happens_at_once() -> None:
    async with world(App(ALL)) as w:
        rows: list[int] = []
        executor = w.backend.runtime.executor()
        assert executor is not None
        executor.wrote = lambda address, uid, row: rows.append(len(row.facts))
        id = await w.agent(Reaching, "a").begin("many")
        assert (await ended(w, Reaching, "a", id, 1)).outcome == str(sum(range(250)))
        assert max(rows) <= 100
        id = await w.agent(Reaching, "a").begin("loud")
        said = str((await ended(w, Reaching, "a", id, 1)).outcome)
        assert said.startswith("step-failed: 'xxx")
        assert len(said) < 1100


async def test_a_step_asks_others_and_has_no_tick() -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Reaching, "a").begin("in step")
        assert (await ended(w, Reaching, "a", id, 1)).outcome == "[2, 'unjournaled', 'unjournaled', 'unjournaled']"


async def test_logs_are_silent_while_replayed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "roost")
    async with world(App(ALL), restless=True) as w:
        w.kill(after_row=2)
        id = await w.agent(Reaching, "a").begin("log")
        assert (await ended(w, Reaching, "a", id, 1)).outcome == "logged"
        said = [r for r in caplog.records if r.name == "roost.agent.reaching"]
        assert [r.getMessage().split()[0] for r in said] == ["body", "run"]


async def test_what_tools_do_is_applied_once() -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Tools, "a").begin()
        assert (await ended(w, Tools, "a", id, 1)).outcome == [5, 7]
        assert RAN == ["add 3", "tool", "tool", "tool"]
        assert (await w.state(Tools, "a"))["total"] == 7


async def test_a_key_moves_on_after_an_answer_only() -> None:
    keys: list[str] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadTimeout("cut")
        return httpx.Response(500 if len(keys) == 2 else 200)

    async with world(App(ALL), http=httpx.MockTransport(handler)) as w:
        id = await w.agent(Posting, "a").begin()
        assert (await ended(w, Posting, "a", id, 1)).outcome == 200
    assert keys == [f"posting/a/job:{id}/1/0/1/1/{n}" for n in (1, 1, 2)]


async def test_an_end_that_on_job_refuses_is_an_end_all_the_same() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Patient, "a")
        id = await agent.begin(1.0)
        for _ in range(101):
            await agent.touch()
        found = await ended(w, Patient, "a", id, 1)
        assert found.outcome == "slept"
        (dead,) = await w.backend.runtime.dead_letters(Address("patient", "a"))
        assert (dead["id"], dead["attempts"]) == (f"{id}/end", 5)
        await w.crash()
        await w.advance(hours=3)
        assert (await w.state(Patient, "a"))["ended"] == []
        assert await w.backend.runtime.redrive(Address("patient", "a"), dead["id"]) == 1
        await w.advance(hours=3)
        (dead,) = await w.backend.runtime.dead_letters(Address("patient", "a"))
        assert dead["id"] == f"{id}/end", "it was refused again"
        assert (await w.job(Patient, "a", id)).outcome == "slept"
