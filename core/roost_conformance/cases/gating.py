"""Rules 4, 7, 10: nothing leaves before the commit, nothing is left of a tick that failed or overran."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from roost.contract.errors import TransientError
from roost_client import AgentHandle

from ..case import case
from ..probes.barrier import Barrier
from ..probes.committed import committed
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


async def traces(agent: AgentHandle) -> dict[str, Any]:
    """All that a tick can leave."""
    status = await agent.status()
    return {
        "snapshot": await agent.snapshot(),
        "events": [e.data async for e in agent.events(follow=False)],
        "schedules": status["schedules"],
        "outbox": status["outbox"],
    }


@case("4", "a tick that fails, however it fails, leaves no state, KV, event, schedule, tell or frame")
async def failed_tick_leaves_nothing(stage: Stage) -> None:
    async with stage.client() as client:
        agent, witness = client.agent("effects", stage.key()), Witness(stage, client)
        await agent.call("succeed", witness.key)
        await witness.until(1)

        async def settled() -> bool:
            return not (await agent.status())["outbox"]

        await stage.until(settled)
        before = await traces(agent)
        assert len(before["events"]) == 1 and len(before["schedules"]) == 1, f"the good tick left {before}"
        async with stage.socket("effects", agent.address.key) as socket:
            await stage.frame(socket, "cf_agent_mcp_servers")
            await agent.call("marked")  # the connection's own tick is over
            before = await traces(agent)
            for how in ("rejected", "transient", "state", "error"):
                await refusal(agent.call("fail", witness.key, how))
                assert await traces(agent) == before, f"a tick that failed ({how}) left something"
            assert await agent.call("succeed", witness.key) == 2, "memory held what did not commit"
            frames = [await stage.frame(socket), await stage.frame(socket)]
            seen = [f.get("mark", f.get("state")) for f in frames]
            assert sorted(seen, key=str) == [2, {"marks": 2}], f"frames of a failed tick were sent: {frames}"
        lines = await witness.until(6)
        await witness.stays(lines)
        assert sorted(lines) == ["ran"] * 4 + ["told"] * 2, f"a failed tick's tells were sent: {lines}"


@case("4", "a failed call with a key stores its error and nothing else; so does a failed attempt of a tell")
async def failed_tick_with_a_key_leaves_only_its_error(stage: Stage) -> None:
    async with stage.client() as client:
        agent, witness = client.agent("effects", stage.key()), Witness(stage, client)
        await agent.call("marked")
        before = await traces(agent)
        for how in ("rejected", "state", "error"):
            await refusal(agent.call("fail", witness.key, how, idempotency_key=how))
        await agent.tell("fail", witness.key, "error")
        await witness.until(4)
        await asyncio.sleep(0.2)
        assert set(await witness.lines()) == {"ran"}, "a failed tick's tells were sent"
        after = await traces(agent)
        assert after["snapshot"].state == before["snapshot"].state, "a failed tick left its state"
        for what in ("events", "schedules", "outbox"):
            assert not after[what], f"a failed tick left {what}: {after[what]}"
        assert await agent.call("marked") is False, "a failed tick left its KV"


@case("4", "nothing leaves while the tick runs: not its state, events, tells or schedules, nor the agent itself")
async def running_tick_shows_nothing(stage: Stage) -> None:
    async with stage.client() as client:
        agent = client.agent("effects", stage.key())
        witness, gate = Witness(stage, client), Barrier(stage, client)
        call = asyncio.create_task(agent.call("succeed", witness.key, gate.key))
        await gate.arrived()
        await refusal(agent.state(), "no-agent")
        await witness.stays([], 0.1)
        await gate.open()
        assert await call == 1
        assert await witness.until(1) == ["told"]
        left = await traces(agent)
        assert left["snapshot"].state == {"marks": 1} and left["events"] == [{"n": 1}], f"of the tick is left: {left}"
        assert await agent.call("marked") is True


@case("7", "a tick that overruns its timeout is cancelled: 503 `deadline`, nothing is stored, the next one runs")
async def overrun_is_cancelled(stage: Stage) -> None:
    async with stage.client() as client:
        agent, witness = client.agent("effects", stage.key()), Witness(stage, client)
        await agent.call("marked")
        before = await traces(agent)
        async with asyncio.timeout(10):
            error = await refusal(agent.call("overrun", witness.key), "deadline")
        assert isinstance(error, TransientError) and error.status == 503 and error.retry_after, repr(error)
        assert await traces(agent) == before, "a cancelled tick left something"
        assert await agent.call("marked") is False
        await witness.stays([])


@case("7", "the author's own TimeoutError is a failure of the agent, not the tick's deadline")
async def own_timeout_is_an_agent_error(stage: Stage) -> None:
    async with stage.agent("effects") as agent:
        error = await refusal(agent.call("own_timeout"), "agent-error")
        assert error.status == 500 and error.id, repr(error)


@case("10", "a caller who leaves in the middle of a tick does not cancel it")
async def leaving_caller_does_not_cancel(stage: Stage) -> None:
    async with stage.client() as client:
        once, gate = client.agent("once", stage.key()), Barrier(stage, client)

        async def leave() -> None:
            async with stage.http(admin=True) as http:
                path = stage.path("once", once.address.key, "call", "add")
                call = asyncio.create_task(http.post(path, json={"args": [7], "kwargs": {"gate": gate.key}}))
                await gate.arrived()
                call.cancel()
                await asyncio.wait([call])
                assert call.cancelled() or isinstance(call.exception(), httpx.HTTPError)

        await leave()
        await asyncio.sleep(0.1)  # the server sees that the caller is gone
        await gate.open()

        async def done() -> bool:
            return bool(await committed(once) == {"total": 7})

        await stage.until(done)
        assert await once.call("add", 1) == 8
