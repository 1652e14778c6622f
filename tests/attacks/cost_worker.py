"""What one client can cost on Cloudflare, counted in workerd: `python -m tests.attacks.cost_worker` prints figures of
docs/security.md.

Requests and rows are those that the platform charges, and the same on every machine; memory is workerd's, for one
isolate in which all objects are, as on the platform.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from pathlib import Path

import httpx

from roost_cloudflare.harness import ENTRY, packages
from roost_cloudflare.host import Workerd
from roost_cloudflare.stage import Stage, stage

from .deeds import Deed, client

COUNTED = """
from roost_cloudflare import interop
from roost_cloudflare import object as objects, worker

counts = {"worker": 0, "object": 0, "registry": 0}
made = []


class CountedSql(interop.Sql):
    def __init__(self, ctx):
        super().__init__(ctx)
        made.append(self)


interop.Sql = CountedSql


class Default(Default):
    def fetch(self, request):
        if interop.url_of(request).endswith("/counts"):
            rows = sum(one.written for one in made)
            text = f"{counts['worker']} {counts['object']} {counts['registry']} {rows}"
            return interop.response(200, [], text.encode())
        counts["worker"] += 1
        return super().fetch(request)


class RoostAgent(RoostAgent):
    async def fetch(self, request):
        counts["object"] += 1
        return await super().fetch(request)

    async def roost(self, text):
        counts["object"] += 1
        return await super().roost(text)

    async def alarm(self, info=None):
        counts["object"] += 1
        return await super().alarm(info)

    async def webSocketMessage(self, socket, data):
        counts["object"] += 1
        return await super().webSocketMessage(socket, data)


class RoostRegistry(RoostRegistry):
    def roost(self, text):
        counts["registry"] += 1
        return super().roost(text)
"""
TIMES = 20
SETTLE = 3.0
"""Seconds in which what a deed started behind its answer is over: the registry's line is told after one."""


def memory(pid: int) -> float:
    """KiB resident."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return float(found[1])


async def main(folder: Path) -> None:
    what = Stage(ENTRY.format(module="costly") + COUNTED, [*packages(), Path(__file__).with_name("costly.py")], {})
    workerd = Workerd(stage(what, folder), folder)
    await workerd.start()
    try:
        sockets = f"{workerd.url.replace('http', 'ws', 1)}/agents?agent=counter&name={{key}}"

        async def counts() -> list[int]:
            async with httpx.AsyncClient(timeout=60) as http:
                return [int(n) for n in (await http.get(f"{workerd.url}/counts")).text.split()]

        print(f"{'one of':44} {'Worker':>8} {'object':>8} {'registry':>8} {'rows':>8}")
        async with client(workerd.url, sockets) as one:
            for name, deed in one.deeds().items():
                await one.use_up()
                await asyncio.sleep(SETTLE)
                before = await counts()
                for n in range(TIMES):
                    await deed(n)
                await asyncio.sleep(SETTLE)
                after = await counts()
                figures = " ".join(f"{(b - a) / TIMES:8.2f}" for a, b in zip(before, after, strict=True))
                print(f"{name:44} {figures}", flush=True)
            print(f"\n{'one of':44} {'KiB of memory':>14}")
            await grown(workerd.pid, "a WebSocket, greeted", 200, lambda n: one.greeted("warm"))
            await grown(workerd.pid, "an agent made and awake", 200, lambda n: one.post(f"awake{n}"))
            for _ in range(2):
                await grown(workerd.pid, "a call, of 500 to one agent", 500, lambda n: one.post("warm"))
    finally:
        await workerd.stop()


async def grown(pid: int, name: str, count: int, deed: Deed) -> None:
    before = memory(pid)
    for n in range(count):
        await deed(n)
    print(f"{name:44} {(memory(pid) - before) / count:14.2f} (all: {memory(pid) / 1024:.0f} MiB)", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="roost-cost-") as name:
        asyncio.run(main(Path(name)))
