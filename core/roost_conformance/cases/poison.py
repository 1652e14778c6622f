"""Rules 15 and 29: what can't be read in a store costs itself, never its agent. Planted by an import."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from typing import Any

from roost_client import AgentHandle

from ..case import case
from ..probes.refusal import refusal
from ..probes.witness import Witness
from ..stage import Stage
from .moves import exported, sealed

DEEP = b'{"args":[' + b"[" * 240 + b"]" * 240 + b'],"kwargs":{}}'
"""Stored by a version that had no limit of depth; no reader of JSON here goes so deep."""
CUT = b'{"args":["x'


def raw(data: bytes) -> str:
    return b64encode(data).decode()


def letter(id: str, arguments: bytes, action: str = "take", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "source": "client", "principal": "", "action": action, "arguments_base64": raw(arguments),
        "lane": "standard", "internal": False, "attempts": 0, "next": 0.0, "keyed": True, **more,
    }  # fmt: skip


async def graves(stage: Stage, agent: AgentHandle, count: int) -> list[dict[str, Any]]:
    async def probe() -> list[dict[str, Any]] | None:
        found = await agent.dead_letters()
        return found if len(found) >= count else None

    found: list[dict[str, Any]] = await stage.until(probe)
    return found


@case("15", "letters that can't be read, bound or run become dead letters; those behind them run, the agent answers")
async def poison_letters_cost_themselves(stage: Stage) -> None:
    async with stage.client() as client:
        a, b = client.agent("mortal", stage.key()), client.agent("mortal", stage.key())
        await a.call("take", "book")
        good = letter("good", b'{"args":["pen"],"kwargs":{}}')
        bad = [
            letter("deep", DEEP),
            letter("cut", CUT),
            letter("no-object", b"[1,2]"),
            letter("no-text", b"\xff\xfe"),
            letter("unknown", b'{"args":[],"kwargs":{}}', "vanished"),
            letter("claims", b'{"args":["cap"],"kwargs":{}}', claims_base64=raw(CUT), principal="me"),
            letter("deep-later", DEEP, next=time.time() + 1.0),
            letter("urgent", CUT, lane="urgent"),
            letter("resent", b'{"args":[1],"kwargs":{}}', "roost.forward", internal=True),
            letter(
                "nobody", b'{"args":["no-such-kind","k","note","e30=",false],"kwargs":{}}', "roost.forward",
                internal=True,
            ),
        ]  # fmt: skip
        await b.restore(sealed(await a.export(), letters=[*bad, good]))
        dead = await graves(stage, b, len(bad))
        assert sorted(d["id"] for d in dead) == sorted(x["id"] for x in bad), dead
        assert all(d["attempts"] == 1 and d["error"]["code"] for d in dead), dead
        assert (await b.state())["things"] == ["book", "pen"], "the letter behind them did not run, or not once"
        await stage.evict("mortal", b.address.key)
        assert await b.call("take", "cup") == 3
        document = await exported(stage, b)
        kept = {d["id"]: d.get("arguments_base64") for d in document["dead_letters"]}
        assert b64decode(kept["deep"] or "") == DEEP and b64decode(kept["cut"] or "") == CUT, "its bytes are lost"
        assert await b.redrive("deep") == 1
        assert len(await graves(stage, b, len(bad))) == len(bad)
        await b.destroy()
        await refusal(b.state(), "no-agent")


@case(
    "29", "rows that can't be read (schedules, KV, events, dead letters) fail what reads them, by name, and travel on"
)
async def poison_rows_cost_themselves(stage: Stage) -> None:
    async with stage.client() as client:
        a, b, c = (client.agent("mortal", stage.key()) for _ in range(3))
        witness = Witness(stage, client)
        await a.call("take", "book")
        await a.call("pulse", 3600, witness.key)
        await a.call("remind", 3600, witness.key)
        document = await exported(stage, a)
        pulse, remind = document["schedules"]
        for one in (pulse, remind):
            del one["args"]
        late = time.time() + 0.3
        schedules: list[dict[str, Any]] = [
            {**pulse, "args_base64": raw(DEEP), "due": late},
            {**remind, "args_base64": raw(CUT), "due": late},
            {
                "key": "spec", "due": time.time() + 900, "spec_base64": raw(CUT), "target": "report",
                "args_base64": raw(CUT), "attempts": 0, "next": None,
            },
            {
                "key": "target", "due": late, "spec": {"kind": "at", "ms": int(late * 1000)}, "target": "vanished",
                "args": {"args": [], "kwargs": {}}, "attempts": 0, "next": None,
            },
        ]  # fmt: skip
        log = [*document["log"], {"seq": 2, "kind": "take", "data_base64": raw(CUT), "at": document["at"]}]
        grave = {**letter("grave", DEEP), "error_base64": raw(CUT), "at": document["at"], "attempts": 1}
        kv = [*document["kv"], ["thing/poison", None, raw(DEEP)]]
        poisoned = sealed(document, schedules=schedules, log=log, dead_letters=[grave], kv=kv, seq=2)
        await b.restore(poisoned)
        dead = await graves(stage, b, 4)
        assert len(dead) == 4 and {d["action"] for d in dead} == {"take", "report", "vanished"}, dead
        status = await b.status()
        assert {s["key"] for s in status["schedules"]} == {"pulse", "spec"}, (
            "a repeating schedule goes on along its grid"
        )
        error = await refusal(b.call("list_kv"))
        assert "thing/poison" in error.message or error.status == 500, repr(error)
        assert await b.call("take", "pen") == 2
        events = [e async for e in b.events(follow=False)]
        assert [e.seq for e in events] == [1, 2, 3] and "unreadable" in events[1].data, events
        await b.call("remind", 1800, witness.key)
        again = await exported(stage, b)
        await c.restore(again)
        copy = await exported(stage, c)
        for what in ("kv", "log", "letters"):
            assert copy[what] == again[what], what
        assert ["thing/poison", None, raw(DEEP)] in copy["kv"]
        for agent in (b, c):
            await agent.destroy()
            await refusal(agent.state(), "no-agent")
