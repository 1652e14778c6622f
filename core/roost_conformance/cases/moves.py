"""Rules 29, 11 and 12: export and import. All of an agent but its inbox and connections, whole or not at all."""

from __future__ import annotations

import asyncio
import json
import time
from hashlib import sha256
from typing import Any

from roost.contract.errors import TransientError
from roost.contract.limits import PORTABLE
from roost_client import AgentHandle

from ..case import case
from ..probes.barrier import Barrier
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage


def sealed(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The document with those changes and a checksum that fits: SHA-256 of the canonical JSON of the rest. Unsigned."""
    body = {k: v for k, v in {**document, **changes}.items() if k not in ("sha256", "signature")}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**body, "sha256": sha256(canonical.encode()).hexdigest()}


async def exported(stage: Stage, agent: AgentHandle) -> dict[str, Any]:
    """The document, once no tell is under way."""

    async def probe() -> dict[str, Any] | None:
        return None if (await agent.status())["outbox"] else await agent.export()

    found: dict[str, Any] = await stage.until(probe)
    return found


async def furnish(stage: Stage, mortal: AgentHandle, witness: Witness) -> dict[str, Any]:
    """Something of everything; the document."""
    for key, thing in (("k1", "book"), ("k2", "é☃\U0001f642")):
        await mortal.call("take", thing, idempotency_key=key)
    await mortal.call("remind", 3600, witness.key)
    await mortal.call("pulse", 1800, witness.key)
    await mortal.tell("die_trying")

    async def died() -> bool:
        return bool(await mortal.dead_letters())

    await stage.until(died)
    return await exported(stage, mortal)


async def look(mortal: AgentHandle) -> dict[str, Any]:
    """What travels."""
    return {
        "state": await mortal.state(),
        "kv": await mortal.call("list_kv"),
        "events": [(e.seq, e.kind, e.data, e.at) async for e in mortal.events(follow=False)],
        "schedules": (await mortal.status())["schedules"],
        "dead": await mortal.dead_letters(),
    }


@case("29", "an export holds all of an agent, an import gives it back: state, KV, events, schedules, dead letters")
async def export_and_import_carry_everything(stage: Stage) -> None:
    async with stage.client() as client:
        a, b, witness = client.agent("mortal", stage.key()), client.agent("mortal", stage.key()), Witness(stage, client)
        document = await furnish(stage, a, witness)
        assert document == sealed(document), "the checksum is not that of the document"
        before, version = await look(a), (await a.snapshot()).version
        assert len(before["events"]) == 2 and len(before["schedules"]) == 2 and len(before["dead"]) == 1, before
        await b.restore(document)
        assert await look(b) == before
        assert (await b.snapshot()).version > version, "the version does not go on"
        await stage.evict("mortal", b.address.key)
        assert await look(b) == before
        assert await b.call("take", "book", idempotency_key="k1") == 3, "the inbox travelled"
        assert [e.seq async for e in b.events(follow=False)] == [1, 2, 3], "the numbers of the log don't go on"
        assert await look(a) == before, "the export changed the agent"


@case("29", "an import goes only where no agent is; after a destroy it goes on above the tombstone's version")
async def import_needs_an_absent_agent(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness = client.agent("mortal", stage.key()), Witness(stage, client)
        document = await furnish(stage, mortal, witness)
        await mortal.call("take", "pen")
        before = await look(mortal)
        error = await refusal(mortal.restore(document), "exists")
        assert error.status == 409, repr(error)
        assert await look(mortal) == before, "the refused import changed the agent"
        for thing in ("a", "b", "c"):
            await mortal.call("take", thing)
        last = await mortal.status()
        await mortal.destroy()
        await mortal.restore(document)
        now = await mortal.status()
        assert now["version"] > last["version"], "the version fell behind the tombstone's"
        assert now["generation"] > last["generation"]
        assert await mortal.state() == document["state"]
        assert await mortal.call("take", "pen") == 3


@case("29", "a document that was changed, cut, or is of another kind is refused, and nothing of it is stored")
async def bad_document_is_refused(stage: Stage) -> None:
    async with stage.client() as client:
        a, b, witness = client.agent("mortal", stage.key()), client.agent("mortal", stage.key()), Witness(stage, client)
        document = await furnish(stage, a, witness)
        cut = {k: v for k, v in document.items() if k != "version"}
        bad: dict[str, dict[str, Any]] = {
            "changed": {**document, "state": {"things": []}},
            "no checksum": {k: v for k, v in document.items() if k != "sha256"},
            "another kind": sealed(document, kind="ringer"),
            "another format": sealed(document, format="tarball"),
            "a newer schema": sealed(document, schema=99),
            "no version": sealed(cut),
            "a version that is none": sealed(document, version="many"),
            "a version that no store keeps": sealed(document, version=2**63),
            "an instant that is none": sealed(document, schedules=[{**document["schedules"][0], "due": "NaN"}]),
            "an instant that never comes": sealed(document, schedules=[{**document["schedules"][0], "due": 1e300}]),
            "KV that is none": sealed(document, kv=[["a"]]),
            "a schedule that is none": sealed(document, schedules=[{"key": "a"}]),
            "a schedule that can't be": sealed(
                document, schedules=[{**document["schedules"][0], "spec": {"kind": "moon"}, "attempts": "x"}]
            ),
            "events that are none": sealed(document, log=[1]),
            "a state of another shape": sealed(document, state={"things": 5}),
        }
        async with asyncio.timeout(60):
            for what, one in bad.items():
                error = await refusal(b.restore(one))
                assert 400 <= error.status < 500, f"{what}: {error!r}"
                await refusal(b.state(), "no-agent")  # nothing of it is stored
        await b.restore(document)
        copy, original = await look(b), await look(a)
        assert copy == original, f"{copy} is not {original}"


@case("29", "schedules that came due on the way fire once after the import, then go on along their grid")
async def imported_schedules_fire_once(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("mortal", stage.key()), client.agent("mortal", stage.key())
        once, often = Witness(stage, client), Witness(stage, client)
        await a.call("remind", 3600, once.key)
        await a.call("pulse", 3600, often.key)
        document = await exported(stage, a)
        due = time.time() - 1.7  # the pulse would have come three times
        every = {"kind": "every", "ms": 800}
        late = [{**s, "due": due, **({"spec": every} if s["key"] == "pulse" else {})} for s in document["schedules"]]
        await b.restore(sealed(document, schedules=late))
        assert (await once.until(1), (await often.until(1))[:1]) == (["reminder"], ["pulse"])
        [pulse] = (await b.status())["schedules"]
        steps = (pulse["due"] - due) / 0.8
        assert pulse["due"] > due + 1.7 - 0.8 and abs(steps - round(steps)) < 0.01, f"off the grid by {steps} steps"
        await often.until(2)
        await b.destroy()
        assert await once.lines() == ["reminder"], "the one-shot fired twice"


@case("21", "a cron in a time zone that its host lacks is kept: it neither runs nor vanishes")
async def cron_in_a_zone_unknown_here_is_kept(stage: Stage) -> None:
    async with stage.client() as client:
        a, b, witness = client.agent("mortal", stage.key()), client.agent("mortal", stage.key()), Witness(stage, client)
        await a.call("remind", 3600, witness.key)
        document = await exported(stage, a)
        cron = {"kind": "cron", "expression": "* * * * *", "tz": "Mars/Olympus"}
        [line] = document["schedules"]
        late = [{**line, "spec": cron, "due": time.time() - 1}]
        await b.restore(sealed(document, schedules=late))

        async def tried() -> bool:
            return (await exported(stage, b))["schedules"][0]["next"] is not None

        await stage.until(tried)
        await witness.stays([])
        document = await exported(stage, b)
        [kept] = document["schedules"]
        assert (kept["spec"], kept["key"], kept["attempts"]) == (cron, line["key"], 0), repr(kept)
        assert not document["dead_letters"], "it ended as a dead letter"
        await b.destroy()


@case("29", "while tells are under way an export is refused: they are in no document and must not be sent twice")
async def export_waits_for_the_outbox(stage: Stage) -> None:
    async with stage.client() as client:
        mortal, witness, gate = client.agent("mortal", stage.key()), Witness(stage, client), Barrier(stage, client)
        call = asyncio.create_task(mortal.call("report_often", witness.key, 60, gate.key))
        await gate.arrived()
        export = asyncio.create_task(mortal.export())
        await asyncio.sleep(0.2)  # until it is next in line
        await gate.open()
        await call
        try:
            await export
        except Exception:
            error = await refusal(export, "outbox-not-empty")
            assert error.status == 409 and error.retry_after, repr(error)
        else:  # on a backend whose tells are quicker than the operator
            assert not (await mortal.status())["outbox"], "tells under way were left out of an export"
        lines = await witness.until(60)
        assert len(lines) == 60
        assert (await exported(stage, mortal))["state"] == {"things": []}


@case(
    "29", "tells that wait (delayed, in back-off) travel: id, attempts, time and caller; after the move each runs once"
)
async def export_carries_tells_that_wait(stage: Stage) -> None:
    async with stage.client() as client, stage.client(token="user:ann") as ann:
        line, witness = client.agent("line", stage.key()), Witness(stage, client)
        hers = ann.agent("line", line.address.key)
        await line.call("note", "first")
        before = time.time()
        await hers.tell("falter", "up", witness.key, idempotency_key="t-up")
        await witness.until(1)
        await line.tell("note", "later", delay=5.0, lane="urgent", idempotency_key="t-later")

        async def probe() -> dict[str, Any] | None:
            document = await line.export()
            attempts = {x["id"]: x["attempts"] for x in document["letters"]}
            return document if attempts == {"t-up": 1, "t-later": 0} else None

        document: dict[str, Any] = await stage.until(probe)
        up, later = sorted(document["letters"], key=lambda x: str(x["id"]), reverse=True)
        assert (up["principal"], up["claims"]["name"], up["lane"], up["keyed"]) == ("ann", "ann", "standard", True), up
        assert later["lane"] == "urgent" and later["next"] > before + 4.9, later
        assert (await line.status())["mailbox"] == 2
        await line.destroy()
        await line.restore(document)
        status = await line.status()
        assert status["mailbox"] == 2 and status["next_wake"] is not None, status
        assert await hers.tell("falter", "up", witness.key, idempotency_key="t-up") == "t-up"  # joins what waits
        await stage.evict("line", line.address.key)

        async def done() -> list[str] | None:
            found: list[str] = (await line.state())["done"]
            return found if len(found) >= 3 else None

        assert sorted(await stage.until(done, within=20)) == ["first", "later", "up of ann"]
        assert time.time() >= later["next"], "it ran early"
        await asyncio.sleep(0.3)
        assert len((await line.state())["done"]) == 3, "a tell ran twice"
        assert await witness.lines() == ["run", "run"], "its attempts began anew"
        assert not (await line.status())["mailbox"]


@case("29", "a destroy that names an export is refused once anything was committed or has arrived since")
async def destroy_as_exported(stage: Stage) -> None:
    async with stage.client() as client, stage.http(admin=True) as http:
        mortal = client.agent("mortal", stage.key())
        path = stage.path("mortal", mortal.address.key)
        await mortal.call("take", "book")
        document = await exported(stage, mortal)
        await mortal.call("take", "pen")
        error = await refusal(mortal.destroy(document), "changed")
        assert error.status == 409, repr(error)
        document = await exported(stage, mortal)
        await mortal.tell("take", "later", delay=3600)
        error = await refusal(mortal.destroy(document), "changed")
        assert error.status == 409, repr(error)
        version = document["version"]
        for wrong in ("version=x", f"version={version}&letters=-1", "letters=1", f"verison={version}", "version="):
            answer = await http.delete(f"{path}?{wrong}")
            assert (answer.status_code, answer.json()["code"]) == (422, "bad-parameter"), (wrong, answer.text)
        answer = await http.delete(path, headers={"if-match": f'"{version}"'})
        assert answer.status_code == 422, "a condition was passed over"
        answer = await http.delete(f"{path}?version={version}&letters=2")
        assert answer.status_code == 409, answer.text
        assert await mortal.state() == {"things": ["book", "pen"]} and (await mortal.status())["mailbox"] == 1
        document = await exported(stage, mortal)
        await stage.evict("mortal", mortal.address.key)
        await mortal.destroy(document)
        for gone in (mortal.state(), mortal.destroy(document)):
            await refusal(gone, "no-agent")
        await mortal.restore(document)
        assert await mortal.state() == {"things": ["book", "pen"]} and (await mortal.status())["mailbox"] == 1
        await refusal(mortal.destroy(document), "changed")  # the import was a commit
        await mortal.destroy()


@case("29", "a document of the first schema is still read: KV as pairs, no letters")
async def first_schema_is_read(stage: Stage) -> None:
    async with stage.client() as client:
        a, b, witness = client.agent("mortal", stage.key()), client.agent("mortal", stage.key()), Witness(stage, client)
        document = await furnish(stage, a, witness)
        assert document["schema"] == 2
        for dead in document["dead_letters"]:
            for name in ("next", "keyed", "claims"):
                dead.pop(name, None)
        await b.restore(sealed({k: v for k, v in document.items() if k != "letters"}, schema=1))
        assert await look(b) == await look(a)


@case("29", "an export of more than its limit is refused, by name")
async def export_has_a_limit(stage: Stage) -> None:
    async with stage.agent("bulky") as bulky:
        for n in range(PORTABLE.export // (7 * 130_000) + 1):
            await bulky.call("put", f"k{n}", 130_000, 7)
        error = await refusal(bulky.export(), "limit-export")
        assert error.status == 422, repr(error)
        assert await bulky.call("length") == 0


@case("12", "state of a newer deploy is no damage: whoever brings it is told to come back, nothing is stored of it")
async def newer_state_is_transient(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("mortal", stage.key()), client.agent("mortal", stage.key())
        await a.call("take", "book")
        newer = sealed(await a.export(), state_version=99, state={"possessions": 1})
        error = await refusal(b.restore(newer), "newer-schema")
        assert isinstance(error, TransientError) and error.status == 503 and error.retry_after, repr(error)
        await refusal(b.state(), "no-agent")
        assert await b.call("take", "pen") == 1


@case("11", "time goes on from the agent's last commit, though this host's clock is behind it")
async def time_goes_on_from_the_last_commit(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("mortal", stage.key()), client.agent("mortal", stage.key())
        await a.call("take", "book")
        ahead = time.time() + 3600
        await b.restore(sealed(await a.export(), at=ahead))
        times = [await b.call("clock")]
        await b.call("take", "pen")
        await stage.evict("mortal", b.address.key)
        times.append(await b.call("clock"))
        assert times[0] >= ahead - 0.001 and times[1] >= times[0], f"time ran backwards: {ahead}, then {times}"
        assert (await b.status())["updated"] >= ahead - 0.001
