"""The test kit of users: time passes when told, crashes happen when asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from roost import (
    Address,
    Agent,
    AgentError,
    App,
    Cron,
    Every,
    Rejected,
    Response,
    Retry,
    RoostError,
    TransientError,
    Trigger,
    action,  # fmt: skip
)
from roost.author.app import Proceed
from roost.contract.trigger import Call
from roost.testing import world

pytestmark = pytest.mark.anyio


class Tea(BaseModel):
    rings: int = 0


class Kettle(Agent[Tea]):
    @action
    async def set(self, seconds: float) -> None:
        self.schedule("tea", seconds, self.ring)

    @action
    async def daily(self) -> None:
        self.schedule("daily", Cron("0 9 * * *", tz="Europe/Paris"), self.ring)
        self.schedule("often", Every(minutes=30), self.ring)

    @action
    async def pass_on(self, to: str) -> None:
        self.tell(self.agent(Kettle, to).flaky)

    @action(retry=Retry(attempts=3, first=10.0))
    async def flaky(self) -> None:
        self.record("try")
        raise ValueError("no water")

    @action(timeout=5.0)
    async def slow(self) -> None:
        await asyncio.Event().wait()

    @action
    async def fetch(self) -> str:
        answer = await self.http.get("https://example.invalid/tea")
        return answer.text

    async def ring(self) -> None:
        self.state.rings += 1
        self.record("rang", self.now.isoformat())
        self.broadcast({"ring": self.state.rings})


app = App([Kettle])


async def test_schedules_fire_at_their_time_and_not_before() -> None:
    async with world(app, seed=1) as w:
        kettle = w.agent(Kettle, "k")
        await kettle.set(3600)
        await w.advance(minutes=59, seconds=59.999)
        assert await w.state(Kettle, "k") == {"rings": 0}
        await w.advance(seconds=0.001)
        assert [e.data for e in await w.events(Kettle, "k")] == ["2026-01-01T01:00:00+00:00"]
        await w.advance(days=30)
        assert await w.state(Kettle, "k") == {"rings": 1}


@pytest.mark.parametrize("restless", [False, True])
async def test_recurring_schedules_and_crashes(restless: bool) -> None:
    async with world(app, seed=2, restless=restless) as w:
        await w.agent(Kettle, "k").daily()
        await w.advance(hours=7)
        await w.crash()
        await w.advance(hours=5)
        times = [e.data for e in await w.events(Kettle, "k")]
        assert "2026-01-01T08:00:00+00:00" in times  # 9:00 in Paris
        assert len(times) == 24 + 1


async def test_a_connection_sees_what_clients_see() -> None:
    async with world(app) as w:
        kettle = w.agent(Kettle, "k")
        peer = await w.connect(Kettle, "k")
        assert peer.state == {"rings": 0}
        await kettle.set(5)
        await w.hibernate(Kettle, "k")
        await w.advance(seconds=60)  # asleep when it rings
        assert peer.state == {"rings": 1}
        assert peer.messages() == [{"ring": 1}]


async def test_a_failing_tell_backs_off_and_becomes_a_dead_letter() -> None:
    async with world(app) as w:
        await w.agent(Kettle, "a").pass_on("b")
        await w.advance(seconds=9)
        runtime = w.backend.runtime
        there = Address("kettle", "b")
        assert (await runtime.snapshot(there)).letters[0].attempts == 1
        await w.advance(seconds=60)
        (dead,) = await runtime.store.dead(there, 0, 10)
        assert dead.letter.attempts == 3
        assert (await runtime.snapshot(there)).waiting == 0


async def test_a_tick_that_overruns_is_cancelled() -> None:
    async with world(app) as w:
        call = asyncio.ensure_future(w.agent(Kettle, "k").slow())
        await w.advance(seconds=4.9)
        assert not call.done()
        await w.advance(seconds=0.2)
        with pytest.raises(TransientError, match="cancelled after 5 s"):
            await call


async def test_a_deadline_ends_the_wait_in_line_too() -> None:
    async with world(app) as w:
        first = asyncio.ensure_future(w.agent(Kettle, "k").slow())
        await w.settle()
        there = Address("kettle", "k")
        trigger = Trigger("call", Call("set", (60,)), deadline=w.host.monotonic() + 2)
        second = asyncio.ensure_future(w.backend.wake(there, trigger))
        await w.advance(seconds=2.5)
        assert second.done() and not first.done()
        assert (await second).outcome == "transient"
        await w.advance(seconds=5)
        with pytest.raises(TransientError):
            await first
        assert not (await w.backend.runtime.snapshot(there)).schedules


def test_errors_and_responses_refuse_what_http_cannot_say() -> None:
    with pytest.raises(ValueError, match="400 to 599"):
        Rejected("no", status=13414)
    with pytest.raises(AgentError, match="can't be a header"):
        Response("x", headers={"x-a": "1\r\nset-cookie: a=b"}).encoded()
    with pytest.raises(AgentError, match="status is 200 to 599"):
        Response("x", status=99).encoded()


async def test_outbound_http_is_answered_by_the_test() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, text="green")

    async with world(app, http=httpx.MockTransport(answer)) as w:
        assert await w.agent(Kettle, "k", idempotency_key="x").fetch() == "green"
    assert seen[0].headers["idempotency-key"] == "kettle/k/1/app:3:app:x/1"  # agent, generation, sender, id, n-th


async def test_the_same_seed_is_the_same_world() -> None:
    async def trace(seed: int) -> list[object]:
        async with world(app, seed=seed) as w:
            peer = await w.connect(Kettle, "k")
            await w.agent(Kettle, "k").daily()
            await w.advance(hours=3)
            assert peer.session is not None
            return [peer.session.cid, *peer.frames, *(await w.events(Kettle, "k"))]

    assert await trace(7) == await trace(7)
    assert (await trace(7))[0] != (await trace(8))[0]


async def test_wrappers_go_around_ticks_outermost_first() -> None:
    seen: list[str] = []

    async def outer(agent: Agent[Any, Any], trigger: Trigger, proceed: Proceed) -> None:
        seen.append(f"outer {trigger.kind}")
        await proceed()
        seen.append("outer over")

    async def inner(agent: Agent[Any, Any], trigger: Trigger, proceed: Proceed) -> None:
        seen.append(f"inner {agent.key}")
        if agent.key != "locked":
            await proceed()

    async with world(App([Kettle], around=[outer, inner])) as w:
        await w.agent(Kettle, "k").set(1)
        assert seen == ["outer call", "inner k", "outer over"]
        with pytest.raises(RoostError, match="did not proceed"):
            await w.agent(Kettle, "locked").set(1)
        await w.advance(seconds=2)
        assert seen.count("outer alarm") == 1
        assert await w.state(Kettle, "k") == {"rings": 1}
