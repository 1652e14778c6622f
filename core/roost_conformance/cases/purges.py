"""Rule 15, operated: what waits and what died is seen, and taken away; a delay has an end."""

from __future__ import annotations

from roost.contract.limits import PORTABLE

from ..case import case
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage
from .poison import graves
from .tells import notes


@case("15", "an operator sees the tells that wait and takes one or all away unrun; also those of an agent never made")
async def letters_are_purged(stage: Stage) -> None:
    async with stage.client() as client, stage.client(token="user:ann") as ann:
        for made in (True, False):
            line = client.agent("line", stage.key())
            if made:
                await line.call("note", "first")
            for i in range(4):
                await line.tell("note", f"{i}", delay=3600.0 + i, idempotency_key=f"k{i}")
            found = await line.letters()
            assert [(x["id"], x["action"], x["arguments"]["args"]) for x in found] == [
                (f"k{i}", "note", [f"{i}"]) for i in range(4)
            ], found
            assert all(x["next"] and x["attempts"] == 0 for x in found), found
            assert [x["id"] for x in await line.letters(after=found[1]["n"], limit=1)] == ["k2"]
            for refused in (
                ann.agent("line", line.address.key).letters,
                ann.agent("line", line.address.key).purge_letters,
            ):
                error = await refusal(refused())
                assert error.status in (401, 403), repr(error)
            assert await line.purge_letters("k1") == 1
            assert (await refusal(line.purge_letters("k1"))).code == "no-letter"
            assert [x["id"] for x in await line.letters()] == ["k0", "k2", "k3"]
            assert await line.purge_letters() == 3
            if made:
                status = await line.status()
                assert status["mailbox"] == 0 and status["next_wake"] is None, status
            else:
                await refusal(line.status(), "no-agent")
            await line.tell("note", "again", idempotency_key="k1")
            assert (await notes(stage, line, 2 if made else 1))[-1] == "again", "its id was not free again"


@case("15", "an operator takes dead letters away for good, one or all")
async def dead_letters_are_purged(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        await mortal.call("take", "book")
        ids = [await mortal.tell("die_trying") for _ in range(3)]
        await graves(stage, mortal, 3)
        assert await mortal.purge_dead_letters(ids[1]) == 1
        assert sorted(d["id"] for d in await mortal.dead_letters()) == sorted([ids[0], ids[2]])
        assert (await refusal(mortal.purge_dead_letters(ids[1]))).code == "no-dead-letter"
        assert await mortal.purge_dead_letters() == 2 and await mortal.dead_letters() == []
        assert (await mortal.status())["dead_letters"] == 0
        assert await mortal.redrive() == 0
        await mortal.call("report", witness.key, "alive")
        assert await witness.until(1) == ["alive"]


@case("15", "a delay beyond its limit is refused by name; one within it is taken")
async def delay_has_a_limit(stage: Stage) -> None:
    async with stage.agent("line") as line:
        error = await refusal(line.tell("note", "x", delay=PORTABLE.delay + 1), "limit-delay")
        assert error.status == 422, repr(error)
        await refusal(line.status(), "no-agent")
        await line.tell("note", "x", delay=PORTABLE.delay)
        assert len(await line.letters()) == 1 and await line.purge_letters() == 1
