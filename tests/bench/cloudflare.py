"""`scripts/bench cloudflare`: Roost in the real workerd beside Durable Objects written by hand, in one run."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from .calls import INCREMENT, NAMES, RPC, Pace, Sample, Work, sample
from .figure import BenchFailed, Beside, show
from .load import Run, compile_load, handshake, request
from .server import ROOT
from .workers import Worker, pretty, serving

PATH = "/v1/agents/counter/k%d/call/increment"
PARTS = ["calls", "counts"]
KINDS = ["javascript", "python-object", "python", "roost"]
TICKS = 320
"""Ticks over which is counted."""


def main(argv: Sequence[str]) -> int:
    """Measure; one JSON object a line on stdout, all else on stderr."""
    parser = argparse.ArgumentParser(prog="scripts/bench cloudflare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke: figures mean little")
    parser.add_argument("--only", metavar="PART", action="append", choices=PARTS, help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--names", action="store_true", help="print what crosses, by name")
    given = parser.parse_args(argv)
    pace = Pace(1, 1.0, 0.5) if given.quick else Pace(3, 4.0, 1.0)
    home = ROOT / ".roost"
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=home))
    try:
        program = compile_load(folder)
        if "calls" in (given.only or PARTS):
            asyncio.run(calls(program, folder, pace))
        if "counts" in (given.only or PARTS):
            asyncio.run(counts(program, folder, names=given.names))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def works(lanes: int, kind: str) -> list[Work]:
    options: dict[str, str | float] = {"request": request("POST", PATH, INCREMENT), "names": NAMES}
    options |= {"connections": lanes, "inflight": lanes}
    found = [Work(f"cloudflare.{kind}.http.{lanes}", options)]
    if kind == "roost":
        keyed = request("POST", PATH, INCREMENT, {"Idempotency-Key": "@run-%s"})
        found.append(Work(f"cloudflare.keyed.http.{lanes}", {**options, "request": keyed}))
        ws: dict[str, str | float] = {"request": handshake("/agents/counter/k%d"), "message": RPC, "names": NAMES}
        ws |= {"match": '"type":"rpc"', "refusal": '"success":false', "connections": NAMES, "inflight": lanes}
        found.append(Work(f"cloudflare.roost.ws.{lanes}", ws))
    return found


async def calls(program: Path, folder: Path, pace: Pace) -> None:
    """Each in turn, at 1 and 32 in flight; then what is stored against what was acknowledged."""
    samples: dict[str, list[Sample]] = {}
    acknowledged = 0
    async with AsyncExitStack() as stack:
        workers = {kind: await stack.enter_async_context(serving(kind, folder)) for kind in KINDS}
        for worker in workers.values():
            await asyncio.to_thread(_once, program, worker)
        acknowledged += NAMES
        for lanes in (32, 1):
            for _ in range(pace.rounds):
                for kind, worker in workers.items():
                    for work in works(lanes, kind):
                        found = await asyncio.to_thread(sample, program, worker, work, pace)
                        samples.setdefault(work.bench, []).append(found)
                        acknowledged += found.report.replies if kind == "roost" else 0
        total = 0
        for n in range(NAMES):
            total += (await workers["roost"].get(f"/v1/agents/counter/k{n}/state"))["state"]["count"]
        if total != acknowledged:
            raise BenchFailed(f"{acknowledged} increments were acknowledged, {total} are stored")
    for bench, some in samples.items():
        way = bench.rpartition(".")[2]
        rates = {kind: median(s.report.rate for s in samples[f"cloudflare.{kind}.http.{way}"]) for kind in KINDS}
        rate = median(s.report.rate for s in some)
        show(
            bench, rate, "1/s", p50_ms=median(s.report.p50_ms for s in some),
            p99_ms=median(s.report.p99_ms for s in some),
            beside=Beside(f"cloudflare.python.http.{way}", rates["python"]),
            of_python_object=rate / rates["python-object"], of_javascript=rate / rates["javascript"],
            server_us=median(s.server_us for s in some),
        )  # fmt: skip
    others = median(s.others for some in samples.values() for s in some)
    if others > 0.3:
        print(f"bench: others used {others:.1f} cores of this machine meanwhile", file=sys.stderr)


def _once(program: Path, worker: Worker, count: int = NAMES, text: str = "") -> None:
    """One call of each object, so that all are awake."""
    text = text or request("POST", PATH, INCREMENT)
    Run(program, worker.port, request=text, names=NAMES, count=count, connections=8, inflight=8, limit=300).finish()


async def counts(program: Path, folder: Path, *, names: bool) -> None:
    """What a tick does, counted: crossings, statements, rows written."""
    for kind, header in (("python", ""), ("roost", ""), ("roost", "@run-%s")):
        bench = "keyed" if header else kind
        headers = {"Idempotency-Key": header.replace("@run", "count")} if header else {}
        text = request("POST", PATH, INCREMENT, headers)
        async with serving(kind, folder / bench, counting=True) as worker:
            await asyncio.to_thread(_once, program, worker)
            await asyncio.sleep(3.0)  # the line in the registry is told
            before = await worker.get("/counts")
            await asyncio.to_thread(_once, program, worker, TICKS, text)
            after = await worker.get("/counts")
        crossed = {k: after["names"].get(k, 0) - before["names"].get(k, 0) for k in after["names"]}
        more = {k: (after[k] - before[k]) / TICKS for k in ("statements", "rows", "alarms") if k in after}
        show(f"cloudflare.crossings.{bench}", (after["crossings"] - before["crossings"]) / TICKS, "1/tick", **more)
        if names:
            print(pretty({k: round(n / TICKS, 2) for k, n in crossed.items() if n / TICKS > 0.02}), file=sys.stderr)
