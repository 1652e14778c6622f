"""What is at rest: agents and connections in memory, waking one, listing many, telling all."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote

from .calls import INCREMENT
from .figure import BenchFailed, Beside, show
from .load import Report, Run, handshake, request
from .server import BARE, TOKEN, Server, roost, serving

CALL = request("POST", "/v1/agents/counter/k%d/call/increment", INCREMENT)
HIBERNATE = request("POST", "/v1/agents/counter/k%d/hibernate", "", {"Authorization": f"Bearer {TOKEN}"})
SAY = '{"type":"rpc","id":"%s","method":"say","args":["round %s."]}'


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each."""

    few: int = 1_000
    many: int = 100_000
    most: int | None = None
    wakes: int = 2_000
    sockets: int = 5_000
    hearers: int = 1_000
    rounds: int = 20
    due: int = 10_000


def each(program: Path, server: Server, text: str, count: int, first: int = 0) -> Report:
    """One request for each of `count` names from `first` on, 32 at a time."""
    options = {
        "names": count,
        "first": first,
        "count": count,
        "connections": 32,
        "inflight": 32,
        "limit": 60 + count / 500,
    }
    return Run(program, server.port, request=text, **options).finish()


def agents(program: Path, folder: Path, sizes: Sizes) -> None:
    """Memory of registered agents that sleep, in the process that made them and in a new one; waking; listing."""
    data = folder / "agents.db"
    with serving(roost(data, idle_after=0.5)) as server:
        each(program, server, CALL, sizes.few)
        few = server.at_rest()
        grow(program, server, sizes.few, few, sizes.few, sizes.many)
        awaken(program, server, sizes, sizes.many)
        if sizes.most is not None:
            grow(program, server, sizes.few, few, sizes.many, sizes.most)
            awaken(program, server, sizes, sizes.most)
            listing(server, sizes.most)
    with serving(roost(folder / "none.db", idle_after=0.5)) as server:
        each(program, server, CALL, sizes.few)
        few = server.at_rest()
    with serving(roost(data, idle_after=0.5)) as server:
        each(program, server, CALL, sizes.few)
        total = sizes.most or sizes.many
        show("local.rest.restarted", (server.at_rest() - few) / (total - sizes.few), "B/agent", agents=total)


def grow(program: Path, server: Server, few: int, memory: int, known: int, count: int) -> None:
    """From `known` agents to `count`; wait until they sleep; compare with the `memory` of a `few`."""
    report = each(program, server, CALL, count - known, known)
    show(f"local.register.{count}", report.rate, "1/s", p50_ms=report.p50_ms, p99_ms=report.p99_ms)
    rest = server.at_rest()
    show(f"local.rest.{count}", (rest - memory) / (count - few), "B/agent", resident_mb=rest / 1e6, few_mb=memory / 1e6)


def awaken(program: Path, server: Server, sizes: Sizes, count: int) -> None:
    """A call of an agent that sleeps, beside one of the same agent awake, by one connection over loopback."""
    report = Run(
        program, server.port, mode="wake", before=HIBERNATE, request=CALL, names=sizes.wakes, limit=120
    ).finish()
    warm = Beside("local.warm", report.warm_p50_ms)
    show(
        f"local.wake.{count}", report.p50_ms, "ms", p50_ms=report.p50_ms, p99_ms=report.p99_ms, beside=warm,
        beside_p99_ms=report.warm_p99_ms,
    )  # fmt: skip


def listing(server: Server, count: int) -> None:
    """Pages of 1,000 to the end: whether the last takes longer than the first."""
    took: list[float] = []
    seen, cursor = 0, ""
    while True:
        start = time.perf_counter()
        page = server.ask("GET", f"/v1/agents?kind=counter&limit=1000{cursor}")
        took.append((time.perf_counter() - start) * 1000)
        seen += len(page["agents"])
        if not page["cursor"]:
            break
        cursor = f"&cursor={quote(page['cursor'])}"
    if seen != count:
        raise BenchFailed(f"the list has {seen} of {count} agents")
    middle, ten = len(took) // 2, max(1, min(10, len(took) // 3))
    first = Beside("local.list.first", median(took[:ten]))
    show("local.list.first", first.value, "ms", pages=len(took))
    show("local.list.middle", median(took[middle : middle + ten]), "ms", beside=first)
    show("local.list.last", median(took[-ten - 1 : -1] or took), "ms", beside=first)


def sockets(program: Path, folder: Path, sizes: Sizes) -> None:
    """Memory of open WebSockets, one an agent, that say nothing: with their agents awake, then asleep."""
    with serving(roost(folder / "sockets.db")) as server:
        each(program, server, CALL, 64)
        before, count = server.at_rest(), sizes.sockets
        path = handshake("/agents/counter/s%d")
        run = Run(
            program, server.port, mode="idle", request=path, message="-", names=count, connections=count, limit=600
        )
        run.opened()
        awake = server.at_rest()
        sleep = HIBERNATE.replace("/k%d/", "/s%d/")
        each(program, server, sleep, count)
        asleep = server.at_rest()
        run.finish()
    show("local.socket.awake", (awake - before) / count, "B/socket", sockets=count, resident_mb=awake / 1e6)
    show("local.socket.asleep", (asleep - before) / count, "B/socket", sockets=count, resident_mb=asleep / 1e6)


def fan(program: Path, folder: Path, sizes: Sizes) -> None:
    """One call, heard by many sockets of one agent; milliseconds from the call, for each socket."""
    count = sizes.hearers
    options: dict[str, str | float] = {
        "mode": "fan",
        "connections": count,
        "rounds": sizes.rounds,
        "match": "round %s.",
        "limit": 30,
    }
    with serving(BARE) as bare, serving(roost(folder / "fan.db")) as server:
        told = [(bare, "/fan"), (server, "/agents/counter/room"), (bare, "/fan"), (server, "/agents/counter/room")]
        reports = [Run(program, to.port, request=handshake(path), message=SAY, **options).finish() for to, path in told]
    plain, ours = reports[2], reports[3]  # the first of each has warmed it up
    beside = Beside(f"local.bare.fan.{count}", plain.p50_ms)
    show(beside.bench, plain.p50_ms, "ms", p50_ms=plain.p50_ms, p99_ms=plain.p99_ms, all_ms=plain.all_p50_ms)
    show(
        f"local.fan.{count}", ours.p50_ms, "ms", p50_ms=ours.p50_ms, p99_ms=ours.p99_ms, beside=beside,
        all_ms=ours.all_p50_ms,
    )  # fmt: skip
