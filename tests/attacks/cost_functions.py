"""What one client can cost on AWS, counted in the emulator: `python -m tests.attacks.cost_functions` prints figures of
docs/security.md.

Invocations and items are exact, and the same on every machine. Seconds of functions are those of warm processes of
this machine beside the emulator: an order of magnitude, not AWS's.
"""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

from roost.hosting.platform import Project
from roost_lambda.emulator.stack import client as api
from roost_lambda.harness import LambdaHarness

from .deeds import client

TIMES = 10
SETTLE = 3.0
REPORT = re.compile(r"^REPORT RequestId: .*?Duration: ([\d.]+) ms")
HERE = Path(__file__).parent
PROJECT = Project("costly:app", HERE, files={"costly.py": HERE / "costly.py"})


class Counted:
    """Sums over all functions of the stack, by what AWS logs of each invocation, and the items of its table."""

    def __init__(self, harness: LambdaHarness) -> None:
        self._logs: Any = api(harness.emulator, "logs")
        self._groups = [str(group["logGroupName"]) for group in self._logs.describe_log_groups()["logGroups"]]
        self._dynamo: Any = api(harness.emulator, "dynamodb")
        self._table: str = self._dynamo.list_tables()["TableNames"][0]

    def items(self) -> int:
        return int(self._dynamo.scan(TableName=self._table, Select="COUNT")["Count"])

    def since(self, at: float) -> list[float]:
        """Milliseconds of each invocation that ended after that second."""
        found: list[float] = []
        for group in self._groups:
            events = self._logs.filter_log_events(
                logGroupName=group, startTime=int(at * 1000), filterPattern="REPORT"
            )["events"]  # fmt: skip
            found += [float(took[1]) for event in events if (took := REPORT.search(event["message"]))]
        return found


async def main() -> None:
    harness = LambdaHarness(project=PROJECT)
    await harness.start(restless=False)
    try:
        counted = Counted(harness)
        sockets = f"{harness.url.replace('http', 'ws', 1)}/prod?agent=counter&name={{key}}"
        async with client(harness.url, sockets) as one:
            await one.greeted("warm")
            await one.frame(0)
            print(f"{'one of':40} {'invocations':>12} {'ms':>9} {'items':>6}")
            for name, deed in one.deeds().items():
                await one.use_up()
                await asyncio.sleep(SETTLE)
                items, began = await asyncio.to_thread(counted.items), time.time()
                for n in range(TIMES):
                    await deed(n)
                await asyncio.sleep(SETTLE)
                took = await asyncio.to_thread(counted.since, began)
                items = await asyncio.to_thread(counted.items) - items
                print(f"{name:40} {len(took) / TIMES:12.2f} {sum(took) / TIMES:9.0f} {items / TIMES:6.2f}", flush=True)
    finally:
        await harness.stop()


if __name__ == "__main__":
    asyncio.run(main())
