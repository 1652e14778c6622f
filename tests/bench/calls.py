"""Calls: how many a second, over HTTP and WebSocket, beside a bare server and in turn with it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

from .figure import BenchFailed, Beside, show
from .load import Report, Run, handshake, request
from .server import BARE, Server, busy, roost, serving

NAMES = 64
INCREMENT, GET = '{"args":[1]}', '{"args":[]}'
RPC = '{"type":"rpc","id":"%s","method":"increment","args":[1]}'
KEYED = '{"type":"rpc","id":"%s","method":"increment","args":[1],"key":"@run-%s"}'
READ = '{"type":"rpc","id":"%s","method":"get","args":[]}'


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of load. `@run` in a template becomes a token of the run, so that its keys are its own."""

    bench: str
    options: dict[str, str | float]
    bare: bool = False
    counts: bool = False
    """Each reply acknowledges one increment."""


class Served(Protocol):
    """A server under test, of whatever kind."""

    @property
    def port(self) -> int: ...
    def cpu(self) -> float:
        """Seconds of CPU time it has used."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """A report, the server's CPU time a call in µs, and the cores that others used meanwhile."""

    report: Report
    server_us: float
    others: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often. Seconds."""

    rounds: int = 3
    seconds: float = 3.0
    warm: float = 0.5


def http(lanes: int) -> Iterator[Work]:
    def work(name: str, path: str, body: str, headers: dict[str, str] | None = None) -> Work:
        options: dict[str, str | float] = {"request": request("POST", path, body, headers), "names": NAMES}
        options |= {"connections": lanes, "inflight": lanes}
        return Work(f"local.{name}.http.{lanes}", options, name == "bare", name in {"call", "keyed"})

    increment = "/v1/agents/counter/k%d/call/increment"
    yield work("bare", "/call", INCREMENT)
    yield work("call", increment, INCREMENT)
    yield work("keyed", increment, INCREMENT, {"Idempotency-Key": "@run-%s"})
    yield work("read", "/v1/agents/counter/k%d/call/get", GET)


def ws(lanes: int) -> Iterator[Work]:
    """One connection an agent; `lanes` calls in flight over all of them."""

    def work(name: str, path: str, message: str) -> Work:
        options: dict[str, str | float] = {"request": handshake(path), "message": message, "names": NAMES}
        options |= {"match": '"type":"rpc"', "refusal": '"success":false', "connections": NAMES, "inflight": lanes}
        return Work(f"local.{name}.ws.{lanes}", options, name == "bare", name in {"call", "keyed"})

    yield work("bare", "/echo", RPC)
    yield work("call", "/agents/counter/k%d", RPC)
    yield work("keyed", "/agents/counter/k%d", KEYED)
    yield work("read", "/agents/counter/k%d", READ)


def begin(program: Path, server: Served, work: Work, **more: float) -> Run:
    """Start a load on a server."""
    token = secrets.token_hex(4)
    told = {k: v.replace("@run", token) if isinstance(v, str) else v for k, v in work.options.items()}
    return Run(program, server.port, **told, **more)


def sample(program: Path, server: Served, work: Work, pace: Pace) -> Sample:
    """One run of a load."""
    used, all_used = server.cpu(), busy()
    try:
        report = begin(program, server, work, warm=pace.warm, seconds=pace.seconds).finish()
    except BenchFailed as error:
        raise BenchFailed(f"{work.bench}: {error}") from None
    used, all_used = server.cpu() - used, busy() - all_used
    if not report.count:
        raise BenchFailed(f"{work.bench}: nothing was answered within {pace.seconds} s")
    own = used + report.client_us * 1e-6 * report.replies
    return Sample(report, used * 1e6 / report.replies, (all_used - own) / (pace.seconds + pace.warm))


def stored(server: Server) -> int:
    """All that the agents have counted."""
    path = "/v1/agents/counter/k{}/call/get"
    return sum(int(server.ask("POST", path.format(n), GET)["result"]) for n in range(NAMES))


def calls(program: Path, folder: Path, pace: Pace) -> None:
    """Every kind of call at 1 and 32 in flight; then the sum of what is stored against what was acknowledged."""
    works = [work for lanes in (1, 32) for loads in (http, ws) for work in loads(lanes)]
    samples: dict[str, list[Sample]] = {work.bench: [] for work in works}
    acknowledged = 0
    with serving(BARE) as bare, serving(roost(folder / "calls.db")) as server:
        for _ in range(pace.rounds):
            for work in works:
                found = sample(program, bare if work.bare else server, work, pace)
                samples[work.bench].append(found)
                acknowledged += found.report.replies if work.counts else 0
            if (total := stored(server)) != acknowledged:
                raise BenchFailed(f"{acknowledged} increments were acknowledged, {total} are stored")
    beside: Beside | None = None
    for work in works:
        reports = [one.report for one in samples[work.bench]]
        rate = median(r.rate for r in reports)
        if work.bare:
            beside = Beside(work.bench, rate)
        show(
            work.bench, rate, "1/s", p50_ms=median(r.p50_ms for r in reports), p99_ms=median(r.p99_ms for r in reports),
            beside=None if work.bare else beside, server_us=median(one.server_us for one in samples[work.bench]),
            client_us=median(r.client_us for r in reports),
        )  # fmt: skip
    others = median(one.others for some in samples.values() for one in some)
    if others > 0.3:
        print(
            f"bench: others used {others:.1f} cores of this machine meanwhile: these figures are too low",
            file=sys.stderr,
        )


def crash(program: Path, folder: Path) -> None:
    """kill -9 under load, start again: no acknowledged increment may be missing, none may be there twice."""
    data = folder / "crash.db"
    lanes = 32
    work = next(work for work in ws(lanes) if work.counts)
    with serving(roost(data)) as server:
        run = begin(program, server, work, seconds=20)
        run.after(2.0)
        server.kill()
        report = run.finish(broken=True)
    if not report.replies:
        raise BenchFailed(f"nothing was answered before the crash: {report.first_error}")
    with serving(roost(data)) as server:
        total = stored(server)
    if not report.replies <= total <= report.replies + lanes:
        raise BenchFailed(
            f"{report.replies} acknowledged before kill -9 with {lanes} under way, {total} stored after it"
        )
    show("local.crash.lost", 0, "calls", acknowledged=report.replies, stored=total)
