"""`python -m roost_cloudflare.port_suite`: the port suite in real workerd."""

from __future__ import annotations

import asyncio
import fnmatch
import sys
import tempfile
from pathlib import Path

import httpx

from .harness import packages
from .host import Workerd
from .stage import Stage, stage

ENTRY = "from roost_cloudflare.probe import Default, RoostAgent, RoostRegistry"


async def run(only: str = "*") -> dict[str, str | None]:
    """Case name -> None, or its trace."""
    found: dict[str, str | None] = {}
    with tempfile.TemporaryDirectory(prefix="roost-ports-") as folder:
        workerd = Workerd(stage(Stage(ENTRY, packages()), Path(folder)), Path(folder))
        try:
            await workerd.start()
            async with httpx.AsyncClient(base_url=workerd.url, timeout=300) as client:
                names = [n for n in (await client.get("/ports")).json() if fnmatch.fnmatch(n, only)]
                for name in names:
                    answer = await client.get(f"/ports/{name}")
                    found[name] = answer.json()["trace"] if answer.status_code == 200 else workerd.log
        finally:
            await workerd.stop()
    return found


def main() -> int:
    found = asyncio.run(run(*sys.argv[1:2]))
    for name, trace in found.items():
        print(f"{'ok  ' if trace is None else 'FAIL'} {name}")
        if trace is not None:
            print(trace)
    failed = sum(t is not None for t in found.values())
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
