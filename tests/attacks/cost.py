"""What one client can cost a local server, measured: `python -m tests.attacks.cost` prints figures of docs/security.md.

A real `roost serve` (uvloop, SQLite) in its own process; memory by VmRSS, disk by the pages of the data file.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
from websockets.asyncio.client import ClientConnection, connect

from roost import Caller, Quotas, Rate
from roost.engine.meter import CALLERS, Meter
from tests.local.certificates import Pair, make
from tests.local.server import PATHS, ROOT, TOKEN

CALL = "/v1/agents/counter/{}/call/add"


@dataclass(slots=True)
class Server:
    process: subprocess.Popen[str]
    port: int
    data: Path

    def memory(self) -> float:
        """Bytes resident."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return float(found[1]) * 1024

    def disk(self) -> float:
        """Bytes of the pages in use."""
        with closing(sqlite3.connect(f"file:{self.data}?mode=ro", uri=True)) as data:
            pages, size, free = (
                float(data.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "page_size", "freelist_count")
            )
        return (pages - free) * size


def start(folder: Path, pair: Pair | None = None) -> Server:
    data = folder / f"agents-{pair is not None}.db"
    tls = [] if pair is None else ["--tls-cert", str(pair.chain), "--tls-key", str(pair.key)]
    command = [
        sys.executable,
        "-m",
        "roost_cli",
        "serve",
        "tests.attacks.app:app",
        "--port",
        "0",
        "--data",
        str(data),
        *tls,
    ]
    env = {**os.environ, "ROOST_ADMIN_TOKEN": TOKEN, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r":(\d+) ", process.stdout.readline())
    assert found is not None
    return Server(process, int(found[1]), data)


async def each(
    server: Server, what: str, count: int, work: Callable[[], Awaitable[object]], *, disk: bool = False
) -> None:
    """Print what one of `count` costs; `work` makes them all, and what it returns is held until then."""
    before = server.disk() if disk else server.memory()
    held = await work()
    after = server.disk() if disk else server.memory()
    print(f"{what:56} {(after - before) / count / 1024:9.2f} KiB {'on disk' if disk else ''} ({count})")
    if isinstance(held, list):
        for one in cast("list[object]", held):
            if isinstance(one, ClientConnection):
                await one.close()
            elif isinstance(one, asyncio.StreamWriter):
                one.close()


async def plain(folder: Path) -> None:
    server = start(folder)
    try:
        base = f"http://127.0.0.1:{server.port}"
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=base, limits=limits, timeout=60) as http:
            await asyncio.gather(*(http.post(CALL.format("warm")) for _ in range(200)))

            async def silent() -> list[asyncio.StreamWriter]:
                return [(await asyncio.open_connection("127.0.0.1", server.port))[1] for _ in range(400)]

            await each(server, "a silent connection, for 10 s", 400, silent)

            async def idle() -> list[asyncio.StreamWriter]:
                found: list[asyncio.StreamWriter] = []
                for _ in range(400):
                    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    await reader.readuntil(b"ok")
                    found.append(writer)
                return found

            await each(server, "an idle HTTP connection, for 75 s", 400, idle)

            async def sockets() -> list[ClientConnection]:
                url = f"ws://127.0.0.1:{server.port}/agents/counter/warm"
                return [await connect(url, compression=None) for _ in range(400)]

            await each(server, "a WebSocket, greeted", 400, sockets)

            async def agents() -> None:
                for start in range(0, 1000, 50):
                    await asyncio.gather(*(http.post(CALL.format(f"a{start + i}")) for i in range(50)))

            await each(server, "an agent made and awake, for 10 s", 1000, agents)

            async def more() -> None:
                for start in range(0, 1000, 50):
                    await asyncio.gather(*(http.post(CALL.format(f"b{start + i}")) for i in range(50)))

            await each(server, "an agent made", 1000, more, disk=True)

            async def keys() -> None:
                for start in range(0, 1000, 50):
                    calls = (
                        http.post(CALL.format("warm"), headers={"idempotency-key": f"{start + i}"}) for i in range(50)
                    )
                    await asyncio.gather(*calls)

            await each(server, "an idempotency key, for 24 h", 1000, keys, disk=True)

            async def tells() -> None:
                path, body = "/v1/agents/counter/warm/tell/add", {"args": [1], "delay": 86400}
                for _ in range(0, 1000, 50):
                    await asyncio.gather(*(http.post(path, json=body) for _ in range(50)))

            await each(server, "a tell with a delay and no arguments to speak of", 1000, tells, disk=True)
    finally:
        server.process.terminate()
        server.process.communicate(timeout=40)


async def secure(folder: Path) -> None:
    pair = make(folder)
    server = start(folder, pair)
    try:
        trusting = pair.client()

        async def sockets() -> list[ClientConnection]:
            url = f"wss://127.0.0.1:{server.port}/agents/counter/warm"
            return [await connect(url, ssl=trusting, compression=None) for _ in range(200)]

        await each(server, "a WebSocket over TLS, greeted", 200, sockets)

        async def handshakes() -> list[asyncio.StreamWriter]:
            return [(await asyncio.open_connection("127.0.0.1", server.port))[1] for _ in range(400)]

        await each(server, "a TLS handshake that does not go on, for 10 s", 400, handshakes)
    finally:
        server.process.terminate()
        server.process.communicate(timeout=40)


def counting() -> None:
    """Of all callers that are remembered, each with every quota used."""
    import tracemalloc

    meter = Meter(Quotas(calls=Rate(10)), lambda: 0.0)
    tracemalloc.start()
    for n in range(CALLERS):
        uses = (("calls", 1), ("tells", 1), ("created", 1), ("keys", 1), ("bytes", 1))
        meter.spend(("client", f"somebody-{n}"), Caller("x"), uses)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"{'a caller that is counted, of 10,000 at most':56} {size / CALLERS / 1024:9.2f} KiB ({CALLERS})")


if __name__ == "__main__":
    counting()
    with tempfile.TemporaryDirectory(prefix="roost-cost-") as name:
        asyncio.run(plain(Path(name)))
        asyncio.run(secure(Path(name)))
