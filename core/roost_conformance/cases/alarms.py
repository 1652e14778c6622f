"""Rules 11, 21 and 22: when schedules ring. Never early, once when late, on their grid, in the end a dead letter."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from roost.contract.limits import PORTABLE

from ..case import case
from ..probes.barrier import Barrier
from ..probes.refusal import refusal
from ..probes.ringing import rings, rung_at, schedule
from ..probes.witness import Witness
from ..stage import Stage


@case("21", "a schedule never rings early, however it was given")
async def schedule_is_never_early(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        at = datetime.now(UTC) + timedelta(seconds=0.5)
        await ringer.call("at", "at", at.isoformat(), "at")
        due = {"at": at.timestamp(), "in": await ringer.call("once", "in", 0.3, "in") + 0.3}
        await rings(stage, ringer, 2)
        async for ring in ringer.events(kinds=["ring"], follow=False):
            early = due[ring.data["text"]] - ring.data["now"]
            assert early <= 0.001, f"{ring.data['text']}: it rang {early:.3f} s early"  # due to the millisecond


@case("21", "an instant that rang rings again when it is set again, by the ring itself or by a later call")
async def schedule_is_set_again_to_an_instant_that_rang(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        at = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
        await ringer.call("at_and_at", "s", at, 3)
        assert await rings(stage, ringer, 3) == ["left 2", "left 1", "left 0"]
        for n in (4, 5):
            await ringer.call("at", "s", at, "later")
            assert (await rings(stage, ringer, n))[n - 1] == "later"


@case("21", "a recurring schedule that is late rings once, and goes on along its own grid")
async def late_recurrence_rings_once(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, gate = client.agent("ringer", stage.key()), Barrier(stage, client)
        hold = asyncio.create_task(ringer.call("every_and_hold", "e", 0.5, gate.key))
        await gate.arrived()
        await asyncio.sleep(1.6)  # three occurrences pass
        opened = time.time()
        await gate.open()
        start = await hold
        await rings(stage, ringer, 3)
        due = (await schedule(ringer, "e"))["due"]
        await ringer.call("drop", "e")
        steps = (due - start) / 0.5
        assert abs(steps - round(steps)) < 0.01, f"the grid moved: {start} and {due} are {steps} intervals apart"
        at = await rung_at(ringer)
        assert at[0] >= opened - 0.5, f"it rang in the middle of a tick: {at}"
        grid = [int((t - start + 0.001) / 0.5) for t in at]
        assert len(set(grid)) == len(at), f"missed occurrences rang one by one: {at}"


@case("21", "what came due, or rang, while the host went down rings once, soon after it is back", crashes=True)
async def crash_makes_schedules_late_not_lost(stage: Stage) -> None:
    async with stage.client() as client:
        one, many = client.agent("ringer", stage.key()), client.agent("ringer", stage.key())
        behind, gate = client.agent("ringer", stage.key()), Barrier(stage, client)
        await behind.call("once_behind", "b", 0.05, gate.key)
        await gate.arrived()
        await one.call("once", "a", 0.15)
        await many.call("every", "e", 0.1)
        first = (await schedule(many, "e"))["due"]
        await stage.crash()
        await gate.arrived(2)  # nobody asks for that agent: its alarm has to come again
        await gate.open()
        assert await rings(stage, behind, 1) == ["behind"]
        assert await rings(stage, one, 1) == ["ring"]
        await rings(stage, many, 2)
        due = (await schedule(many, "e"))["due"]
        await many.call("drop", "e")
        assert abs((due - first) / 0.1 - round((due - first) / 0.1)) < 0.02, "the grid moved"
        await asyncio.sleep(0.2)
        assert (await one.state())["rings"] == ["ring"], "it rang twice"


@case("21", "a cron schedule is due at its local wall time, the first that comes")
async def cron_is_local_time(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        zone = ZoneInfo("Europe/Paris")

        def coming() -> float:
            now = datetime.now(zone)
            then = now.replace(hour=9, minute=30, second=0, microsecond=0)
            return (then if then > now else then + timedelta(days=1)).timestamp()  # wall time: the zone does the rest

        possible = {coming()}
        await ringer.call("cron", "c", "30 9 * * *", "Europe/Paris")
        possible.add(coming())  # half past nine may come just now
        assert (await schedule(ringer, "c"))["due"] in possible
        error = await refusal(ringer.call("cron", "bad", "61 9 * * *"))
        assert error.status == 500, repr(error)
        assert await schedule(ringer, "bad") == {}


@case("21", "a naive datetime names no instant and is refused")
async def naive_datetime_is_refused(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        await ringer.call("clock")
        before = await ringer.snapshot()
        assert (await refusal(ringer.call("naive"))).status == 500
        assert await ringer.snapshot() == before and (await ringer.status())["schedules"] == []


@case("22", "schedules fire while the agent is asleep, the earliest first, and the next wake is told")
async def schedules_wake_a_sleeping_agent(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        await ringer.call("once", "d", 1800, "never")
        await ringer.call("once", "c", 3600, "never")
        due = {s["key"]: s["due"] for s in (await ringer.status())["schedules"]}
        assert (await ringer.status())["next_wake"] == due["d"]
        await ringer.call("drop", "d")
        assert (await ringer.status())["next_wake"] == due["c"]
        await ringer.call("two", 0.4, 0.45)
        await stage.evict("ringer", ringer.address.key)
        assert await rings(stage, ringer, 2) == ["first", "second"]
        assert (await ringer.status())["next_wake"] == due["c"]


@case("22", "a schedule that fails is tried again, and in the end it is a dead letter and off the list")
async def failing_schedule_dies(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, witness = client.agent("ringer", stage.key()), Witness(stage, client)
        await ringer.call("set_crack", "up", witness.key, 2)
        assert await rings(stage, ringer, 1) == ["crack"]
        await witness.stays(["run"] * 3)
        assert await ringer.dead_letters() == []
        worse = Witness(stage, client)
        await ringer.call("set_crack", "down", worse.key, 3)
        await worse.until(3)

        async def died() -> list[dict[str, Any]]:
            return await ringer.dead_letters()

        [dead] = await stage.until(died)
        assert dead["action"] == "crack" and dead["attempts"] == 3, dead
        assert "hunter2" not in str({**dead["error"], "cause": None}), dead
        assert await schedule(ringer, "down") == {} and (await ringer.status())["next_wake"] is None
        await worse.stays(["run"] * 3)
        assert await ringer.redrive(dead["id"]) == 1
        assert await rings(stage, ringer, 2) == ["crack", "crack"]
        assert await ringer.dead_letters() == []


@case("15", "a target that no caller may run has the retry it was given; its dead letter says what was raised")
async def private_target_retries(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, witness = client.agent("ringer", stage.key()), Witness(stage, client)
        await ringer.call("set_crumble", 0.05, witness.key)

        async def died() -> list[dict[str, Any]]:
            return await ringer.dead_letters()

        [dead] = await stage.until(died)
        assert (dead["action"], dead["attempts"], dead["internal"]) == ("crumble", 2, True), dead
        cause = dead["error"]["cause"]
        assert cause["type"] == "RuntimeError" and cause["message"].startswith("the password is hunter2"), cause
        frame = re.fullmatch(r"ringer\.py:\d+ in crumble: raise RuntimeError\(.*", cause["frame"])
        assert frame, cause
        assert len(str(cause)) < 2048, "a message of any length is kept"
        await witness.stays(["run"] * 2)
        assert "hunter2" not in dead["error"]["detail"]
        error = await refusal(ringer.call("crumble", witness.key))
        assert error.status == 404, repr(error)
        async with stage.http() as http:
            answer = await http.get(stage.path("ringer", ringer.address.key, "dead-letters"))
        assert "hunter2" not in answer.text, "whoever may call reads what was raised"


@case("22", "a recurring schedule outlives an occurrence that failed for good")
async def recurring_schedule_outlives_its_failures(stage: Stage) -> None:
    async with stage.client() as client:
        ringer, witness = client.agent("ringer", stage.key()), Witness(stage, client)
        await ringer.call("set_crack", "e", witness.key, 4, 0.3)
        await rings(stage, ringer, 1)
        await ringer.call("drop", "e")
        dead = await ringer.dead_letters()
        assert len(dead) == 1 and dead[0]["attempts"] == 3, f"of the first occurrence is left {dead}"
        assert (await witness.lines())[:5] == ["run"] * 5, "three runs died, one failed, one went well"


@case("22", "an agent has at most 1,000 schedules; one that is replaced does not count twice")
async def schedules_are_limited(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        for start in range(0, PORTABLE.schedules, 80):
            await ringer.call("fill", start, min(80, PORTABLE.schedules - start))
        error = await refusal(ringer.call("fill", PORTABLE.schedules, 1), "limit-schedules")
        assert error.status == 422, repr(error)
        await ringer.call("once", "s0", 1800, "in place of another")
        await ringer.call("drop", "s1")
        await ringer.call("fill", PORTABLE.schedules, 1)
        assert len((await ringer.status())["schedules"]) == PORTABLE.schedules


@case("11", "the time of ticks never runs backwards, and events carry it")
async def time_never_runs_backwards(stage: Stage) -> None:
    async with stage.agent("ringer") as ringer:
        before = time.time()
        times = list[float]()
        for n in range(5):
            times.append(await ringer.call("clock"))
            if n == 2:
                await stage.evict("ringer", ringer.address.key)
        assert times == sorted(times) and abs(times[0] - before) < 60, times
        await ringer.call("once", "a", 0.05)
        await rings(stage, ringer, 1)
        [event] = [e async for e in ringer.events(follow=False)]
        assert event.at is not None and event.at.timestamp() >= times[-1]
        assert abs(event.at.timestamp() - event.data["now"]) < 0.001, "the event was not recorded at its tick's time"
