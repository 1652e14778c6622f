"""What the disk and SQLite allow: one writer thread that commits whatever waits, WAL, synchronous FULL."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

UPSERT = "INSERT INTO head VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET count = count + 1"
Waiting = tuple[str, "asyncio.Future[None]"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Upserts a second, each durable when counted, and how many commits carried them."""

    rate: float
    commits: float
    p50_ms: float
    p99_ms: float


def measure(folder: Path, waiters: int, seconds: float) -> Rate:
    """`waiters` tasks, each with one upsert under way at a time, on a new file in `folder`."""
    return uvloop.run(_measure(folder / f"sqlite-{time.monotonic_ns()}.db", waiters, seconds))


def _write(
    path: Path, waiting: queue.SimpleQueue[Waiting | None], loop: asyncio.AbstractEventLoop, done: list[int]
) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE head (name TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID")
    while (one := waiting.get()) is not None:
        group = [one]
        while not waiting.empty() and (more := waiting.get()) is not None:
            group.append(more)
        db.execute("BEGIN IMMEDIATE")
        for name, _ in group:
            db.execute(UPSERT, (name,))
        db.execute("COMMIT")
        done[0] += 1
        loop.call_soon_threadsafe(_release, [future for _, future in group])
    db.close()


def _release(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


async def _measure(path: Path, waiters: int, seconds: float) -> Rate:
    loop = asyncio.get_running_loop()
    waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
    commits = [0]
    writer = threading.Thread(target=_write, args=(path, waiting, loop, commits))
    writer.start()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def wait(number: int) -> None:
        while (sent := time.perf_counter()) < end:
            future: asyncio.Future[None] = loop.create_future()
            waiting.put((f"k{number % 64}", future))
            await future
            took.append(time.perf_counter() - sent)
            number += 1

    await asyncio.gather(*[wait(number) for number in range(waiters)])
    waiting.put(None)
    writer.join()
    took.sort()
    return Rate(
        len(took) / seconds, commits[0] / seconds, took[len(took) // 2] * 1000, took[int(len(took) * 0.99)] * 1000
    )
