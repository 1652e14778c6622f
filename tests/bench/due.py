"""Schedules due in one millisecond: never early, and how long until all have run and are durable."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from .calls import INCREMENT
from .figure import BenchFailed, show
from .load import Run, request
from .rest import Sizes
from .server import Server, roost, serving

BATCH = 80
"""Schedules that one call arms on one agent: a commit has room for 90 writes."""
LOOK = 0.05
"""Seconds between two looks at what has run, at the least: each look is work for the system."""
ARM, FILL = "/v1/agents/counter/t%d/call/arm", "/v1/agents/counter/full/call/fill"
LATE = "/v1/agents/counter/told/call/late"


def due(program: Path, folder: Path, sizes: Sizes) -> None:
    """One schedule on each of many agents that sleep; then as many as one agent may have."""
    with serving(roost(folder / "due.db", idle_after=0.5)) as server:
        count = sizes.due
        hour = (time.time() + 3600) * 1000
        rate = arm(program, server, hour, count, max(10, count // 20))  # of others, that are not due today
        at = round((time.time() + 1.4 * count / rate + 3) * 1000)
        arm(program, server, at, 0, count)
        wait(server, f"local.due.{count}", at, count, 0)

        full = min(1000, count)
        at = round((time.time() + 0.02 * full + 3) * 1000)
        for first in range(0, full, BATCH):
            server.ask("POST", FILL, json.dumps({"args": [at, first, min(BATCH, full - first)]}))
        wait(server, f"local.due.{full}.one", at, full, count)


def arm(program: Path, server: Server, at: float, first: int, count: int) -> float:
    """One schedule on each of `count` agents from `first` on; how many a second."""
    text = request("POST", ARM, json.dumps({"args": [at]}))
    options = {"first": first, "names": count, "count": count, "connections": 32, "inflight": 32, "limit": 300}
    return Run(program, server.port, request=text, **options).finish().rate


def wait(server: Server, bench: str, at: int, count: int, before: int) -> None:
    """Until `count` more than `before` have run and one call more is durable."""
    if time.time() * 1000 > at:
        raise BenchFailed(f"{bench}: {count} schedules were not armed before they were due")
    time.sleep(max(0.0, at / 1000 - time.time()))
    late: list[float] = []
    while len(late) < count:
        time.sleep(until_look(time.time() - at / 1000, len(late), count))
        late = server.ask("POST", LATE, '{"args":[]}')["result"][before:]
        if time.time() * 1000 > at + 60_000:
            raise BenchFailed(f"{bench}: {len(late)} of {count} ran within a minute")
    server.ask("POST", "/v1/agents/counter/after/call/increment", INCREMENT)
    done = time.time() * 1000 - at
    late.sort()
    if len(late) != count or late[0] < 0:
        raise BenchFailed(f"{bench}: {len(late)} of {count} ran, the first {late[0]} ms after it was due")
    p99 = late[math.ceil(count * 0.99) - 1]
    show(bench, done, "ms", p50_ms=late[count // 2], p99_ms=p99, first_ms=late[0], last_ms=late[-1])


def until_look(gone: float, ran: int, count: int) -> float:
    """Seconds to wait before looking again: half of what is left at the pace so far. A list of all that ran is long."""
    left = gone * (count - ran) / ran if ran else 10 * LOOK
    return min(max(LOOK, left / 2), 5.0)
