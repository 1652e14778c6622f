"""Rules 8 and 15 through a crash: tells are durable, and redelivered ones apply once."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.barrier import Barrier
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage
from .tells import notes


@case("15", "an acknowledged tell survives a crash, also behind a tick that died with its host", crashes=True)
async def acknowledged_tell_survives_a_crash(stage: Stage) -> None:
    async with stage.client() as client:
        line, fresh, gate = client.agent("line", stage.key()), client.agent("line", stage.key()), Barrier(stage, client)
        hold = asyncio.create_task(line.call("hold", gate.key))
        await gate.arrived()
        for n in range(5):
            await line.tell("note", f"{n}")
        await fresh.tell("note", "later", delay=0.3)
        await stage.crash()
        await refusal(hold)
        assert await notes(stage, line, 5) == [f"{n}" for n in range(5)], "tells were lost, or not in order"
        assert await notes(stage, fresh, 1) == ["later"], "a delayed tell was lost"
        await asyncio.sleep(0.3)
        assert (await line.state())["done"] == [f"{n}" for n in range(5)], "a tell ran twice"


@case("8", "tells of a commit that was answered arrive once each, though the host died right after", crashes=True)
async def crash_after_the_commit_sends_the_tells(stage: Stage) -> None:
    async with stage.client() as client:
        keys = [stage.key() for _ in range(25)]
        sender, target = client.agent("line", stage.key()), client.agent("line", stage.key())
        await sender.call("pass_on", target.address.key, [f"{n}" for n in range(60)])
        await sender.call("spread", keys, "x")
        await stage.crash()
        assert await notes(stage, target, 60) == [f"{n}" for n in range(60)]
        for key in keys:
            assert await notes(stage, client.agent("line", key), 1) == ["x"]

        async def settled() -> bool:
            return not (await sender.status())["outbox"]

        await stage.until(settled)
        await asyncio.sleep(0.3)
        assert len((await target.state())["done"]) == 60, "a tell ran twice"
        for key in keys:
            assert (await client.agent("line", key).state())["done"] == ["x"], "a tell ran twice"


@case(
    "8",
    "a crash in the middle of deliveries loses no tell, sends none twice, and keeps each sender's order",
    crashes=True,
)
async def crash_among_deliveries_repeats_none(stage: Stage) -> None:
    async with stage.client() as client:
        target = client.agent("line", stage.key())
        senders = [client.agent("line", stage.key()) for _ in range(4)]
        texts = [[f"{s}.{n}" for n in range(85)] for s in range(4)]
        await asyncio.gather(
            *(sender.call("pass_on", target.address.key, some) for sender, some in zip(senders, texts, strict=True))
        )
        await notes(stage, target, 20)
        await stage.crash()
        done = await notes(stage, target, 4 * 85)
        await asyncio.sleep(0.3)
        assert (await target.state())["done"] == done and len(done) == 4 * 85, "a tell ran twice"

        async def settled() -> bool:
            left = [(await agent.status())[what] for agent in (target, *senders) for what in ("mailbox", "outbox")]
            return not any(left)

        await stage.until(settled)
        for s in range(4):
            assert [text for text in done if text.startswith(f"{s}.")] == texts[s]


@case("15", "attempts are counted through a crash: a letter in back-off runs on where it was", crashes=True)
async def crash_in_back_off_keeps_the_count(stage: Stage) -> None:
    async with stage.client() as client:
        line, witness = client.agent("line", stage.key()), Witness(stage, client)
        await line.call("note", "first")
        await line.tell("slow_stumble", "up", witness.key)
        await witness.until(1)

        async def deferred() -> bool:
            return (await line.status())["next_wake"] is not None

        await stage.until(deferred)
        await stage.crash()
        assert await notes(stage, line, 2) == ["first", "up"]
        assert await witness.lines() == ["run", "run"]
