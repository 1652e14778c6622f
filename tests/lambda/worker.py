"""One of several processes that call one agent: `python -m tests.lambda.worker TABLE ENDPOINT NAME CALLS CALLERS`.

Prints each acknowledged result on a line. Doorbells that come due in this process are answered by it.
"""

from __future__ import annotations

import asyncio
import sys

from roost.address import Address
from roost_lambda.client import Client

from .hosts import Fleet, increment


async def work(table: str, endpoint: str, name: str, calls: int, callers: int) -> None:
    fleet = Fleet(table, Client(endpoint=endpoint, region="us-east-1"))
    fleet.start()
    host, address = fleet.host(), Address("counter", "shared")
    left = iter(range(calls))

    async def caller() -> None:
        for n in left:
            while True:
                result = await host.dispatch(address, increment(f"{name}-{n}"))
                if result.error is None:
                    sys.stdout.write(f"{int(result.get())}\n")
                    break

    await asyncio.gather(*(caller() for _ in range(callers)))
    await fleet.settle()
    await fleet.stop()


if __name__ == "__main__":
    _, table, endpoint, name, calls, callers = sys.argv
    asyncio.run(work(table, endpoint, name, int(calls), int(callers)))
