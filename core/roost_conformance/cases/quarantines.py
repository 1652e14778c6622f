"""Rule 30 and the way out of it: stored state that does not validate is kept, and the operator can act."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from roost_client import AgentHandle

from ..case import case
from ..probes.pace import paced
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage
from .moves import sealed


async def turned(stage: Stage, milk: AgentHandle, sweet_after: float | None = None) -> float:
    """An agent whose state was valid when it was written, and is not any more; when it will be again."""
    sour, sweet = await milk.call("fill", 2, sweet_after)
    await asyncio.sleep(max(0.0, sour - time.time()) + 0.02)
    await stage.evict("milk", milk.address.key)
    return float(sweet)


@case("30", "state that does not validate: every tick is refused with 423, the status says so, nothing is lost")
async def damaged_state_is_quarantined(stage: Stage) -> None:
    async with stage.client() as client:
        milk = client.agent("milk", stage.key())
        await turned(stage, milk)
        version = (await milk.status())["version"]
        for call in (milk.call("pour"), milk.call("look"), milk.call("label"), milk.state()):
            error = await refusal(call, "quarantined")
            assert error.status == 423, repr(error)
        assert "sour" in (await refusal(milk.call("pour"))).message, "it does not say what is wrong"
        status = await milk.status()
        assert status["status"] == "quarantined" and status["version"] == version, status
        assert [row["key"] async for row in client.agents(kind="milk", prefix=milk.address.key)] == [milk.address.key]


@case("30", "a quarantined agent is exported as it is, and may be destroyed")
async def quarantined_agent_is_exported(stage: Stage) -> None:
    async with stage.client() as client:
        milk = client.agent("milk", stage.key())
        await turned(stage, milk)
        document = await milk.export()
        assert document["state"]["litres"] == 2 and document["kv"] == [["label", "organic"]], document
        mended = {**document["state"], "sweet": 0.0}
        other = client.agent("milk", stage.key())
        await other.restore(sealed(document, state=mended))
        assert await other.call("pour", 3) == 5 and await other.call("label") == "organic"
        await milk.destroy()
        assert await milk.call("pour", 3) == 4, "the next life is not a fresh one"


@case("30", "tells to a quarantined agent are parked, and run once it is reset; reset gives a first state, KV stays")
async def reset_ends_a_quarantine(stage: Stage) -> None:
    async with stage.client() as client:
        milk = client.agent("milk", stage.key())
        await turned(stage, milk)
        await milk.tell("pour", 5)
        await milk.tell("pour", 6)
        await refusal(milk.call("pour"), "quarantined")
        await asyncio.sleep(0.1)
        status = await milk.status()
        assert status["status"] == "quarantined" and status["mailbox"] == 2 and not status["dead_letters"], status
        await milk.reset()

        async def poured() -> bool:
            return bool((await milk.state())["litres"] == 12)

        await stage.until(poured)
        assert await milk.call("label") == "organic"
        status = await milk.status()
        assert status["status"] != "quarantined" and status["mailbox"] == 0, status


@case("30", "migrate ends a quarantine when the code can read the state again, and not before; schedules are kept")
async def migrate_ends_a_quarantine(stage: Stage) -> None:
    async with stage.client() as client:

        async def attempt(seconds: float) -> bool:
            milk, witness = client.agent("milk", stage.key()), Witness(stage, client)
            await milk.call("remind", 3600, witness.key)
            sweet = await turned(stage, milk, seconds)
            try:
                await refusal(milk.call("pour"), "quarantined")
                assert (await refusal(milk.migrate())).status == 423
            except AssertionError:
                if time.time() < sweet:
                    raise
                return False
            [schedule] = (await milk.status())["schedules"]
            assert schedule["key"] == "reminder", "the schedule was lost"
            await asyncio.sleep(max(0.0, sweet - time.time()) + 0.02)
            await milk.migrate()
            assert await milk.call("pour", 3) == 5
            status = await milk.status()
            assert status["status"] != "quarantined" and len(status["schedules"]) == 1, status
            return True

        await paced(attempt)


@case("30", "schedules do not fire in quarantine, and fire late when it is over")
async def schedules_wait_for_the_end_of_a_quarantine(stage: Stage) -> None:
    async with stage.client() as client:

        async def attempt(seconds: float) -> bool:
            milk, witness = client.agent("milk", stage.key()), Witness(stage, client)
            await milk.call("remind", seconds + 0.6, witness.key)
            due = (await milk.status())["next_wake"]
            await turned(stage, milk)
            if time.time() >= due:
                return False
            await refusal(milk.call("pour"), "quarantined")
            await asyncio.sleep(max(0.0, due - time.time()))
            await witness.stays([])
            await milk.reset()
            assert await witness.until(1) == ["reminder"]
            return True

        await paced(attempt)


@case(
    "30",
    "a quarantine is a fact of the stored state: it is there after a crash, and so are the tells",
    together="state",
)
async def quarantine_survives_a_crash(stage: Stage) -> None:
    async with stage.client() as client:
        milk = client.agent("milk", stage.key())
        await turned(stage, milk)
        await milk.tell("pour", 5)
        await stage.crash()
        assert (await milk.status())["status"] == "quarantined"
        await refusal(milk.call("pour"), "quarantined")
        await milk.reset()

        async def poured() -> bool:
            return bool((await milk.state())["litres"] == 6)

        await stage.until(poured)


def of_version(document: dict[str, Any], version: int, state: dict[str, Any]) -> dict[str, Any]:
    """The document as an older deploy would have exported it."""
    return sealed(document, state_version=version, state=state)


@case("30", "state of an older version is migrated when it is read: by ticks, by readers of the state, by the operator")
async def older_state_is_migrated(stage: Stage) -> None:
    async with stage.client() as client:
        first = client.agent("wine", stage.key())
        await first.call("pour")
        document = await first.export()
        assert document["state_version"] == 3
        called, read, moved = (client.agent("wine", stage.key()) for _ in range(3))
        for wine in (called, read, moved):
            await wine.restore(of_version(document, 1, {"pints": 10}))
        assert await called.call("pour", 2) == 7
        assert await called.state() == {"litres": 7, "sour": 0.0, "sweet": 0.0}
        assert await read.state() == {"litres": 5, "sour": 0.0, "sweet": 0.0}, "clients are shown the old shape"
        async with read.connect() as connection:
            assert connection.state == {"litres": 5, "sour": 0.0, "sweet": 0.0}, "clients are shown the old shape"
        await moved.migrate()
        document = await moved.export()
        assert document["state_version"] == 3 and document["state"]["litres"] == 5, document


@case("30", "a migrate that gives up refuses the import: nothing is stored that nobody could read")
async def poison_is_not_imported(stage: Stage) -> None:
    async with stage.client() as client:
        first, other = client.agent("wine", stage.key()), client.agent("wine", stage.key())
        await first.call("pour")
        error = await refusal(other.restore(of_version(await first.export(), 2, {"poison": True})))
        assert 400 <= error.status < 500, repr(error)
        await refusal(other.state(), "no-agent")
        assert await other.call("pour") == 2


@case("13", "stored state that lacks a field with a default is no change: it is read as it is, and nothing is written")
async def state_with_a_new_field_is_read(stage: Stage) -> None:
    async with stage.client() as client:
        first, other = client.agent("reader", stage.key()), client.agent("reader", stage.key())
        await first.call("write", "x")
        await other.restore(sealed(await first.export(), state={}))
        version = (await other.snapshot()).version
        assert await other.state() == {"text": "blank"}, "clients are shown another state than the agent sees"
        assert await other.call("read") == ["blank", "x"], "reading counts as a write"
        assert (await other.snapshot()).version == version
