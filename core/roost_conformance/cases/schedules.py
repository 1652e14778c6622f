"""Rule 20: which occurrence a schedule has, and when it is stale."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from roost_client import AgentHandle

from ..case import case
from ..probes.barrier import Barrier
from ..probes.pace import paced
from ..probes.refusal import refusal
from ..probes.ringing import rings, schedule
from ..probes.witness import Witness
from ..stage import Stage


@case("20", "the same key with the same spec is a no-op: the countdown goes on, nothing is written")
async def same_schedule_again_changes_nothing(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        calls: dict[str, list[Any]] = {
            "at": [due.isoformat()], "every": [3600.0], "cron": ["0 9 * * *", "Europe/Paris"],
        }  # fmt: skip
        for action, args in calls.items():
            await ringer.call(action, action, *args)
            before, version = await schedule(ringer, action), (await ringer.snapshot()).version
            await stage.evict("ringer", ringer.address.key)
            await ringer.call(action, action, *args)
            assert await schedule(ringer, action) == before, f"{action}: the schedule was set anew"
            assert (await ringer.snapshot()).version == version, f"{action}: a no-op was written"
        assert (await schedule(ringer, "at"))["due"] == due.timestamp()


@case("21", "a cron in an unknown time zone is refused by name, before anything is stored")
async def cron_in_an_unknown_zone_is_refused(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        error = await refusal(ringer.call("cron_named", "c", "0 9 * * *", "Mars/Olympus"), "bad-zone")
        assert "Mars/Olympus" in error.message, repr(error)
        await ringer.call("clock")
        assert await schedule(ringer, "c") == {}, "it was stored"


@case("20", "the same key with another spec takes the old schedule's place")
async def schedule_with_another_spec_replaces(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        await ringer.call("once", "a", 3600, "old")
        await ringer.call("once", "a", 1800, "other")
        [line] = (await ringer.status())["schedules"]
        assert line["due"] < time.time() + 1900, "the old one is still there"
        await ringer.call("once", "a", 0.05, "new")
        assert await rings(stage, ringer, 1) == ["new"], "the old one rang"
        assert await schedule(ringer, "a") == {}, "a schedule that ran is still on the list"
        await ringer.call("every", "b", 3600, "old")
        before = await schedule(ringer, "b")
        await asyncio.sleep(0.01)
        await ringer.call("every", "b", 1800, "old")
        after = await schedule(ringer, "b")
        assert after["spec"] != before["spec"] and after["due"] < before["due"], f"{before}, then {after}"


async def pair(stage: Stage, ringer: AgentHandle, gate: Barrier, *, anew: bool) -> None:
    """Two schedules that are both due and both wait when the first of them runs."""
    now = datetime.now(UTC)
    first, second = now + timedelta(seconds=0.3), now + timedelta(seconds=0.35)
    await ringer.call("pair", first.isoformat(), second.isoformat(), anew)
    hold = asyncio.create_task(ringer.call("hold", gate.key))
    await gate.arrived()
    await asyncio.sleep(max(0.0, second.timestamp() - time.time()) + 0.1)
    await gate.open()
    await hold


@case("20", "the same instant with other arguments is another schedule, in the old one's place")
async def schedule_with_other_arguments_replaces(stage: Stage) -> None:
    async with stage.client() as client:

        async def attempt(seconds: float) -> bool:
            ringer = client.agent("ringer", stage.key())
            due = datetime.now(UTC) + timedelta(seconds=seconds)
            await ringer.call("at", "a", due.isoformat(), "old")
            await ringer.call("at", "a", due.isoformat(), "new")
            if time.time() >= due.timestamp():
                return False
            assert await rings(stage, ringer, 1) == ["new"], "the old arguments stayed"
            return True

        await paced(attempt)


@case("20", "an occurrence that was taken off the list before its turn ends as stale")
async def unscheduled_occurrence_is_stale(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, gate = client.agent("ringer", stage.key()), Barrier(stage, client)
        await pair(stage, ringer, gate, anew=False)
        assert await rings(stage, ringer, 1) == ["cut second True"]
        await asyncio.sleep(0.2)
        assert (await ringer.state())["rings"] == ["cut second True"], "an occurrence that was cancelled ran"
        status = await ringer.status()
        assert status["schedules"] == [] and status["next_wake"] is None, status


@case("20", "an occurrence whose schedule was set anew before its turn ends as stale: the new one runs, once")
async def renewed_occurrence_is_stale(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, gate = client.agent("ringer", stage.key()), Barrier(stage, client)
        await pair(stage, ringer, gate, anew=True)
        assert await rings(stage, ringer, 1) == ["anew"], "the old occurrence ran"
        await asyncio.sleep(0.2)
        assert (await ringer.state())["rings"] == ["anew"], "it ran twice"
        assert (await ringer.status())["schedules"] == []


@case("20", "unschedule says whether there was something, and takes it off the list")
async def unschedule_says_whether_it_was_there(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        await ringer.call("once", "a", 3600, "dropped")
        await ringer.call("once", "b", 0.05, "kept")
        assert await ringer.call("drop", "a") == [True, False]
        assert await ringer.call("drop", "a") == [False, False]
        assert await ringer.call("drop", "never") == [False, False]
        assert await ringer.call("set_and_drop", "c") is True
        assert await rings(stage, ringer, 1) == ["kept"]
        assert await ringer.call("drop", "b") == [False, False], "a schedule that ran is still on the list"
        await asyncio.sleep(0.1)
        status = await ringer.status()
        assert status["schedules"] == [] and status["next_wake"] is None
        assert (await ringer.state())["rings"] == ["kept"]


@case("20", "the ids of occurrences tell two lives of a key apart: the dead letter of each has its own")
async def occurrence_ids_differ(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, witness = client.agent("ringer", stage.key()), Witness(stage, client)

        async def dead(count: int) -> list[str]:
            async def probe() -> list[str]:
                ids = [d["id"] for d in await ringer.dead_letters()]
                return ids if len(ids) >= count else []

            found: list[str] = await stage.until(probe)
            return found

        await ringer.call("set_crack", "k", witness.key, 99)
        await dead(1)
        await ringer.call("set_crack", "k", witness.key, 99)
        first, second = [id.split("/") for id in await dead(2)]
        assert first[0] == second[0] == "k" and int(second[1]) > int(first[1]), f"gen did not rise: {first}, {second}"


@case("20", "a handler may set its own schedule anew")
async def handler_schedules_itself_anew(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        await ringer.call("again", "a", 3)
        assert await rings(stage, ringer, 4) == ["left 3", "left 2", "left 1", "left 0"]
        assert await schedule(ringer, "a") == {}
