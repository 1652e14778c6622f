"""Rule 28: destroy leaves a tombstone; nothing of the old life reaches the next one."""

from __future__ import annotations

import asyncio

from ..barrier import Barrier
from ..case import case
from ..refusal import refusal
from ..stage import Stage
from ..witness import Witness


@case("28", "destroy takes everything: state, KV, events, dead letters, schedules; a fresh call starts a fresh agent")
async def destroy_takes_everything(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("take", "book", idempotency_key="k")
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
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("remind", 0.7, witness.key)
        await mortal.call("pulse", 0.7, witness.key)
        await mortal.destroy()
        await witness.stays([], 1.0)
        await refusal(mortal.state(), "no-agent")


@case("28", "letters of the old life are dropped: parked ones, delayed ones, those in back-off")
async def letters_of_the_old_life_are_dropped(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness, gate = client.agent("mortal", stage.key()), Witness(stage, client), Barrier(stage, client)
        hold = asyncio.create_task(mortal.call("hold", gate.key))
        await gate.arrived()
        await mortal.tell("report", witness.key, "parked")
        await mortal.tell("report", witness.key, "delayed", delay=0.2)
        destroy = asyncio.create_task(mortal.destroy())
        await asyncio.sleep(0.2)  # until it is in line; an operator's trigger is urgent
        await gate.open()
        await destroy
        await hold
        await witness.stays([], 0.5)
        await refusal(mortal.state(), "no-agent")
        await mortal.tell("report", witness.key, "new")
        assert await witness.until(1) == ["new"]


@case("28", "tells that had left with a commit arrive, though their sender was destroyed")
async def tells_outlive_their_sender(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("report_often", witness.key, 20)
        await mortal.destroy()
        assert await witness.until(20) == [f"{n}" for n in range(20)]
        await witness.stays([f"{n}" for n in range(20)])
        await refusal(mortal.state(), "no-agent")


@case("28", "a tombstone survives a crash, and so does the generation", crashes=True)
async def tombstone_survives_a_crash(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("take", "book", idempotency_key="k")
        await mortal.call("remind", 0.8, witness.key)
        before = await mortal.status()
        await mortal.destroy()
        await stage.crash()
        await refusal(mortal.state(), "no-agent")
        await witness.stays([], 0.8)
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
