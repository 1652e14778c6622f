"""Rule 15: a tell is durable before it is acknowledged, runs at least once, applies once, and never blocks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from roost.contract.errors import RoostError
from roost_client import AgentHandle

from ..case import case
from ..probes.barrier import Barrier
from ..probes.committed import committed
from ..probes.pace import paced
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


async def notes(stage: Stage, line: AgentHandle, count: int) -> list[str]:
    """What the agent has done, once it is that many."""

    async def probe() -> list[str]:
        state = await committed(line)
        done: list[str] = [] if state is None else state["done"]
        return done if len(done) >= count else []

    found: list[str] = await stage.until(probe)
    return found


async def graves(stage: Stage, line: AgentHandle) -> list[dict[str, Any]]:
    """The dead letters, once there are any."""

    async def probe() -> list[dict[str, Any]]:
        try:
            return await line.dead_letters()
        except RoostError as error:
            if error.code != "no-agent":
                raise
            return []

    found: list[dict[str, Any]] = await stage.until(probe)
    return found


@case("15", "a tell that fails is tried again; its back-off does not hold up those behind it")
async def failing_tell_does_not_block(stage: Stage) -> None:
    async with stage.client() as client:
        line, gate, witness = client.agent("line", stage.key()), Barrier(stage, client), Witness(stage, client)
        hold = asyncio.create_task(line.call("hold", gate.key))
        await gate.arrived()
        await line.tell("slow_stumble", "slow", witness.key)
        await line.tell("note", "behind")
        await gate.open()
        await hold
        assert await notes(stage, line, 3) == ["hold", "behind", "slow"], "those behind waited"
        assert await witness.lines() == ["run", "run"]


@case("15", "a tell that fails but not to the end applies once and leaves no dead letter")
async def tell_that_stumbles_applies_once(stage: Stage) -> None:
    async with stage.client() as client:
        line, witness = client.agent("line", stage.key()), Witness(stage, client)
        await line.tell("stumble", "up again", witness.key, 2)
        assert await notes(stage, line, 1) == ["up again"]
        await witness.stays(["run"] * 3)
        assert await line.dead_letters() == [] and (await line.state())["done"] == ["up again"]


@case("15", "after its last attempt a tell is a dead letter that says what it was and why, without internals")
async def last_attempt_leaves_a_dead_letter(stage: Stage) -> None:
    async with stage.client() as client:
        line, witness = client.agent("line", stage.key()), Witness(stage, client)
        assert await line.call("note", "alive") == 1
        id = await line.tell("stumble", "never", witness.key, 99)
        [dead] = await graves(stage, line)
        assert dead["id"] == id and dead["action"] == "stumble" and dead["attempts"] == 3, dead
        assert dead["arguments"] == {"args": ["never", witness.key, 99], "kwargs": {}}, dead
        assert dead["error"]["code"] == "agent-error" and "hunter2" not in dead["error"]["detail"], dead
        assert dead["error"]["cause"]["message"] == "the password is hunter2", dead
        await witness.stays(["run"] * 3)
        assert (await line.status())["dead_letters"] == 1
        assert await line.call("note", "alive") == 2, "a failed attempt left its state"
        other = client.agent("line", stage.key())
        await other.tell("refuse", witness.key)
        [dead] = await graves(stage, other)
        assert dead["error"]["code"] == "never" and dead["error"]["data"] == {"why": "so"}, dead


@case("15", "a redriven letter keeps its id and gets all its attempts again; an unknown id is refused")
async def redriven_letter_keeps_its_id(stage: Stage) -> None:
    async with stage.client() as client:
        line, witness = client.agent("line", stage.key()), Witness(stage, client)
        id = await line.tell("stumble", "at last", witness.key, 5, idempotency_key="k")
        assert id == "k" and [d["id"] for d in await graves(stage, line)] == [id]
        assert (await refusal(line.redrive("unknown"))).status == 404
        assert await line.redrive(id) == 1
        assert await notes(stage, line, 1) == ["at last"], "the sixth run would have gone well"
        assert await line.dead_letters() == []
        await witness.stays(["run"] * 6)
        assert await line.tell("stumble", "at last", witness.key, 5, idempotency_key="k") == id
        await witness.stays(["run"] * 6)
        await line.tell("stumble", "a", witness.key, 99)
        await line.tell("stumble", "b", witness.key, 99)

        async def two() -> bool:
            return len(await line.dead_letters()) == 2

        await stage.until(two)
        assert await line.redrive() == 2, "without an id all are redriven"
        await stage.until(two)


@case("15", "TransientError costs a tell no attempts: it is tried until it goes well")
async def transient_tell_is_tried_on(stage: Stage) -> None:
    async with stage.client() as client:
        line, witness = client.agent("line", stage.key()), Witness(stage, client)
        await line.tell("postpone", "done", witness.key, 4)
        assert await notes(stage, line, 1) == ["done"]
        assert len(await witness.lines()) == 5 and await line.dead_letters() == []


@case("15", "a tell with a key runs once however often it is sent: while it waits, after it ran, after hibernation")
async def tell_with_a_key_runs_once(stage: Stage) -> None:
    async with stage.client() as client:
        line, gate = client.agent("line", stage.key()), Barrier(stage, client)
        hold = asyncio.create_task(line.call("hold", gate.key))
        await gate.arrived()
        ids = {await line.tell("note", "x", idempotency_key="k") for _ in range(3)}
        assert len(ids) == 1
        error = await refusal(line.tell("note", "y", idempotency_key="k"), "key-reused")
        assert error.status == 422
        await gate.open()
        await hold
        assert await notes(stage, line, 2) == ["hold", "x"]
        await stage.evict("line", line.address.key)
        assert {await line.tell("note", "x", idempotency_key="k")} == ids
        await refusal(line.tell("note", "y", idempotency_key="k"), "key-reused")
        assert await line.call("note", "end") == 3, "the tell ran twice"


@case("15", "a delayed tell waits for its time, and no other trigger waits for it")
async def delayed_tell_waits(stage: Stage) -> None:
    async with stage.client() as client:

        async def attempt(seconds: float) -> bool:
            line = client.agent("line", stage.key())
            sent = time.time()
            await line.tell("note", "later", delay=seconds)
            await line.tell("note", "now")
            first = await notes(stage, line, 1)
            await line.call("note", "call")
            if time.time() >= sent + seconds:
                return False
            assert first == ["now"], "it ran too early"
            await stage.evict("line", line.address.key)
            assert await notes(stage, line, 3) == ["now", "call", "later"]
            return True

        await paced(attempt)


@case("15", "what can't run is refused before it is acknowledged: no such action, wrong arguments, not an action")
async def tell_that_cannot_run_is_refused(stage: Stage) -> None:
    async with stage.client() as client:
        line = client.agent("line", stage.key())
        assert (await refusal(line.tell("nonsense"), "unknown-action")).status == 404
        assert (await refusal(line.tell("inner", "x"), "not-an-action")).status == 404
        assert (await refusal(line.tell("note"), "bad-arguments")).status == 422
        await refusal(line.state(), "no-agent")


@case("15", "tells of one agent to another arrive once each, in their order, and name their sender")
async def tells_between_agents_keep_their_order(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("line", stage.key()), client.agent("line", stage.key())
        texts = [f"{n}" for n in range(40)]
        await a.call("pass_on", b.address.key, texts[:20])
        await a.call("pass_on", b.address.key, texts[20:])
        assert await notes(stage, b, 40) == texts
        await a.call("tell_who", b.address.key)
        assert (await notes(stage, b, 41))[-1] == str(a.address)


@case("15", "a tell leaves with the commit: none from a tick that fails, none with wrong arguments")
async def tell_of_a_failed_tick_is_not_sent(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("line", stage.key()), client.agent("line", stage.key())
        await refusal(a.call("pass_on", b.address.key, ["lost"], True), "agent-error")
        await refusal(a.call("tell_wrongly", b.address.key), "bad-arguments")
        await a.call("pass_on", b.address.key, ["found"])
        assert await notes(stage, b, 1) == ["found"]
        assert (await a.state())["done"] == ["passed on"]


@case("15", "an agent may tell itself, also a method that is no action")
async def tell_to_itself_runs(stage: Stage) -> None:
    async with stage.client() as client:
        line = client.agent("line", stage.key())
        await line.call("tell_self", ["x", "y"])
        assert await notes(stage, line, 5) == ["told", "x", "inner x", "y", "inner y"]
