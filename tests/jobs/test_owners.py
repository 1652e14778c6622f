"""Jobs and the life of their agent and host: moved, quarantined, destroyed, with other code, shut down."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from roost import (
    Address,
    Agent,
    App,
    NotSupported,
    Run,
    Trigger,
    action,
    job,
)  # fmt: skip
from roost.contract.job import Claim, Job, Note
from roost.contract.trigger import NOTHING
from roost.ports import Capabilities
from roost.testing import world

from .agents import ALL, CLOCK, Once, Patient, Research, Slow
from .ending import ended
from .noted import RAN, Ledger, Notes


async def test_a_quarantined_agent_keeps_its_job() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Research, "a")
        id = await agent.begin(["a"])
        await w.advance(seconds=5)
        first = w.app
        w.app = App([quarantining(), Ledger])
        await w.crash()
        await w.advance(hours=1, minutes=5)
        assert RAN == ["a"]
        assert (await w.job(Research, "a", id)).status == "waiting"
        w.app = first
        await w.crash()
        assert (await ended(w, Research, "a", id)).outcome == 2
        assert RAN == ["a", "apply 1", "add 1"]


def quarantining() -> type[Agent[Any, Any]]:
    """Today's code, whose state is another."""

    class Other(BaseModel):
        total: list[int] = []

    class Today(Agent[Other]):
        kind = "research"

        @job
        async def work(self, run: Run, urls: list[str]) -> int:
            RAN.append("today")
            return 1

    return Today


async def test_a_destroyed_agent_has_no_jobs_left() -> None:
    async with world(App(ALL)) as w:
        agent = w.agent(Research, "a")
        await agent.begin(["a"])
        await w.advance(seconds=5)
        await w.backend.wake(Address("research", "a"), Trigger("destroy", NOTHING, source="admin"))
        await w.advance(hours=3)
        assert RAN == ["a"]
        id = await agent.begin(["b"])
        assert (await ended(w, Research, "a", id)).outcome == 2


async def test_what_a_job_sends_reaches_no_later_life() -> None:
    async with world(App(ALL)) as w:
        CLOCK[:] = [w.host]
        agent = w.agent(Slow, "a")
        await agent.begin_late()
        await w.advance(seconds=1)
        executor = w.backend.runtime.executor()
        assert executor is not None
        for carrying in executor.carried.values():
            carrying.gone = lambda: None  # type: ignore[method-assign]  # its step does not hear of it
        await w.backend.wake(Address("slow", "a"), Trigger("destroy", NOTHING, source="admin"))
        assert await agent.add(1) == 1
        await w.advance(seconds=4)
        assert RAN == ["gone"]
        await w.advance(minutes=10)
        assert await w.state(Slow, "a") == {"total": 1, "ended": []}
        assert not executor.carried


async def test_steps_of_a_destroyed_agent_are_stopped_at_once() -> None:
    async with world(App(ALL)) as w:
        CLOCK[:] = [w.host]
        agent = w.agent(Slow, "a")
        await agent.begin()
        await w.advance(seconds=5)
        await w.backend.wake(Address("slow", "a"), Trigger("destroy", NOTHING, source="admin"))
        await w.advance(seconds=1)
        executor = w.backend.runtime.executor()
        assert executor is not None
        assert (RAN, executor.carried) == (["began", "stopped"], {})


async def test_an_owned_host_renews_ever_less_often_and_hears_of_a_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with world(App(ALL)) as w:
        CLOCK[:] = [w.host]
        agent = w.agent(Slow, "a")
        id = await agent.begin()
        await w.advance(seconds=5)
        renew, renewed = w.store.journal.renew, list[float]()

        async def counted(claim: Claim, now: float, until: float) -> Job:
            renewed.append(until - now)
            return await renew(claim, now, until)

        monkeypatch.setattr(w.store.journal, "renew", counted)
        await w.advance(minutes=7)
        assert (RAN, renewed) == (["began"], [60.0, 120.0, 240.0])
        note = Note("c1", "cancel", "", b"null", w.now, "admin", "")
        assert (await w.backend.runtime.tell_job(Address("slow", "a"), id, note)).fresh
        await w.advance(seconds=1)
        assert RAN == ["began", "stopped"]


async def test_other_code_diverges_by_name_and_waits(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "roost")

    class Research2(Agent[Notes]):
        kind = "research"

        @action
        async def stop(self, id: str) -> bool:
            return self.cancel(id)

        @job
        async def work(self, run: Run, urls: list[str]) -> int:
            return await run.step(self.other)

        async def other(self) -> int:
            return 1

    class Research3(Agent[Notes]):
        kind = "research"

    async with world(App(ALL)) as w:
        id = await w.agent(Research, "a").begin(["a"])
        await w.advance(seconds=5)
        first = w.app
        for other, code, minutes in ((Research2, "asks for", 61), (Research3, "no job 'work'", 1)):
            w.app = App([other, Ledger])
            await w.crash()
            await w.advance(minutes=minutes)
            assert (await w.job(Research, "a", id)).status != "ended"
            assert any(code in r.getMessage() for r in caplog.records), caplog.text
        w.app = first
        await w.crash()
        found = await ended(w, Research, "a", id)
        assert (found.outcome, RAN) == (2, ["a", "apply 1", "add 1"])
        id = await w.agent(Research, "a").begin(["a"])
        await w.advance(seconds=5)
        w.app = App([Research2, Ledger])
        await w.crash()
        await w.advance(minutes=61)
        assert await w.agent(Research2, "a").stop(id)
        await w.advance(seconds=5)
        cancelled = (await w.job(Research, "a", id)).error
        assert cancelled is not None
        assert cancelled.code == "cancelled"


async def test_what_was_begun_and_has_no_outcome_is_compared_with_the_code() -> None:
    """Else the step that may run once runs again, as the second one of the new code."""

    class Later(Once):
        kind = "once"

        @job
        async def work(self, run: Run) -> str:
            await run.step(self.look)
            return await run.step(self.pay, 3)

        async def look(self) -> int:
            return 1

    async with world(App(ALL)) as w:
        id = await w.agent(Once, "a").begin()
        await w.advance(seconds=5)
        first = w.app
        w.app = App([Later])
        await w.crash()
        await w.advance(minutes=61)
        assert (await w.job(Once, "a", id)).status != "ended"
        w.app = first
        await w.crash()
        assert (await ended(w, Once, "a", id)).outcome == "step-unknown"
        assert RAN == ["pay 3"]


async def test_a_job_is_let_go_when_its_host_shuts_down() -> None:
    async with world(App(ALL)) as w:
        id = await w.agent(Once, "a").begin()
        await w.advance(seconds=5)
        draining = asyncio.ensure_future(w.backend.drain(30))
        await w.host.advance(20)
        await draining
        assert (await w.job(Once, "a", id)).status == "waiting"


async def test_a_backend_that_runs_none_refuses_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["roost.testing.world"], "WORLD", Capabilities("paper"))
    async with world(App(ALL)) as w:
        with pytest.raises(NotSupported, match="jobs are not there yet on paper"):
            await w.agent(Patient, "a").begin(1.0)
        with pytest.raises(NotSupported, match="not there yet"):
            await w.agent(Patient, "a").stop("x")
        await w.agent(Patient, "a").touch()
        assert (await w.state(Patient, "a"))["total"] == 1
