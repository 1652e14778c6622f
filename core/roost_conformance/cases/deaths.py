"""Rule 28: destroy leaves a tombstone; nothing of the old life reaches the next one."""

from __future__ import annotations

import asyncio
import time

from ..case import case
from ..probes.barrier import Barrier
from ..probes.pace import paced
from ..probes.refusal import refusal
from ..probes.waiting import waiting
from ..probes.witness import Witness
from ..stage import Stage


@case("28", "destroy takes everything: state, KV, events, dead letters, schedules; a fresh call starts a fresh agent")
async def destroy_takes_everything(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("take", "book", idempotency_key="k")
        await mortal.call("take", "pen")
        await mortal.call("remind", 3600, witness.key)
        await mortal.tell("die_trying")

        async def died() -> bool:
            return bool(await mortal.dead_letters())

        await stage.until(died)
        before = await mortal.status()
        await mortal.destroy()
        for gone in (mortal.state, mortal.status, mortal.dead_letters, mortal.export, mortal.destroy):
            assert (await refusal(gone(), "no-agent")).status == 404
        assert await mortal.call("take", "book", idempotency_key="k") == 1, "the new life knows the old one's keys"
        assert await mortal.call("list_kv") == ["thing/book"]
        assert await mortal.state() == {"things": ["book"]}
        assert [e.seq async for e in mortal.events(follow=False)] == [1], "the log goes on where the old one ended"
        assert await mortal.dead_letters() == []
        after = await mortal.status()
        assert after["schedules"] == [] and after["next_wake"] is None
        assert after["generation"] == before["generation"] + 1, "the generation did not rise"
        assert after["version"] > before["version"], "the version does not go on above the tombstone"
        await witness.stays([])


@case("28", "an alarm never creates an agent: a schedule of a destroyed one is gone with it")
async def alarm_creates_no_agent(stage: Stage) -> None:
    async with stage.client() as client:

        async def attempt(seconds: float) -> bool:
            mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
            before = time.time()
            await mortal.call("remind", seconds, witness.key)
            await mortal.call("pulse", seconds, witness.key)
            due = (await mortal.status())["next_wake"]
            await mortal.destroy()
            if time.time() >= before + seconds:  # the first may have run before its agent was destroyed
                return False
            await witness.stays([], due - time.time() + 0.4)
            await refusal(mortal.state(), "no-agent")
            return True

        await paced(attempt)


@case("28", "an occurrence that waits when its agent is destroyed is dropped with it")
async def waiting_occurrence_creates_no_agent(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, gate = client.agent("ringer", stage.key()), Barrier(stage, client)
        await ringer.call("clock")
        await ringer.call("once", "far", 3600)  # so that it exists
        hold = asyncio.create_task(ringer.call("every_and_hold", "e", 0.05, gate.key))
        await gate.arrived()
        destroy = asyncio.create_task(ringer.destroy())
        if stage.capabilities.operator_first:
            await waiting(stage, ringer, 1)
        await asyncio.sleep(0.1)  # the schedule is due before it is committed
        await gate.open()
        await hold
        await destroy
        await asyncio.sleep(0.2)
        await refusal(ringer.state(), "no-agent")
        assert await ringer.call("drop", "e") == [False, False]
        assert [e async for e in ringer.events(follow=False)] == []


@case("28", "letters of the old life are dropped: those that wait, and those that wait for their time")
async def letters_of_the_old_life_are_dropped(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness, gate = client.agent("mortal", stage.key()), Witness(stage, client), Barrier(stage, client)
        await mortal.call("take", "book")
        hold = asyncio.create_task(mortal.call("hold", gate.key))
        await gate.arrived()
        for n in range(3):
            await mortal.tell("report", witness.key, f"{n}")
        destroy = asyncio.create_task(mortal.destroy())
        first = stage.capabilities.operator_first
        await waiting(stage, mortal, 4 if first else 3)
        await gate.open()
        await destroy  # an operator's trigger is urgent: it goes before the letters
        await hold
        before = await witness.calm()
        assert before == ["0", "1", "2"][: 0 if first else len(before)], before
        await refusal(mortal.state(), "no-agent")
        await mortal.tell("report", witness.key, "far away", delay=3600)
        await mortal.call("take", "book")
        assert (await mortal.status())["mailbox"] == 1
        await mortal.destroy()
        await mortal.call("take", "book")
        status = await mortal.status()
        assert status["mailbox"] == 0 and status["next_wake"] is None, f"of the old life is left {status}"
        await mortal.tell("report", witness.key, "new")
        assert await witness.until(len(before) + 1) == [*before, "new"]


@case("28", "tells that had left with a commit arrive, though their sender was destroyed")
async def tells_outlive_their_sender(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("report_often", witness.key, 20)
        await mortal.destroy()
        assert await witness.until(20) == [f"{n}" for n in range(20)]
        await witness.stays([f"{n}" for n in range(20)])
        await refusal(mortal.state(), "no-agent")


@case("28", "a tombstone survives a crash, and so does the generation", together="state")
async def tombstone_survives_a_crash(stage: Stage) -> None:
    async with stage.client() as client:
        mortal = client.agent("mortal", stage.key())
        await mortal.call("take", "book", idempotency_key="k")
        before = await mortal.status()
        await mortal.destroy()
        await stage.crash()
        await refusal(mortal.state(), "no-agent")
        assert await mortal.call("take", "book", idempotency_key="k") == 1
        after = await mortal.status()
        assert after["generation"] == before["generation"] + 1 and after["version"] > before["version"]


@case("28", "looking at what is not there creates nothing")
async def looking_creates_no_agent(stage: Stage) -> None:
    async with stage.client() as client:
        mortal = client.agent("mortal", stage.key())
        for look in (mortal.state, mortal.status, mortal.dead_letters, mortal.export, mortal.destroy, mortal.migrate):
            assert (await refusal(look(), "no-agent")).status == 404
        assert (await refusal(mortal.reset(), "no-agent")).status == 404
        await client.agent("counter", mortal.address.key).call("get")
        await refusal(
            client.agent("counter", mortal.address.key).state(), "no-agent"
        )  # a readonly action wrote nothing
        rows = [row async for row in client.agents(prefix=mortal.address.key)]
        assert rows == [], rows
